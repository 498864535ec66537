"""Robustness and susceptibility of one llm over personas (Costa, Alves & Vicente 2025, arXiv 2511.08565)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from persona_big5.variance.groups import summing

if TYPE_CHECKING:
    from persona_big5.variance.groups import FloatArray, IntArray


@dataclass(frozen=True, slots=True)
class Robustness:
    """How steady an llm is from run to run, and how far personas move it.

    Attributes
    ----------
    robustness
        R = 1 / mean over (persona, item) of the SD over runs; infinite where answers never change, NaN with single
        runs.
    susceptibility
        S = mean over items of the SD over personas; NaN with fewer than two complete personas.
    n_personas
        Number of complete personas, those with an answer to every item in every cell.
    """

    robustness: float
    susceptibility: float
    n_personas: int


def robustness(scores: FloatArray, persona: IntArray, cell: IntArray) -> Robustness:
    """Compute R and S of one llm x variant.

    Parameters
    ----------
    scores
        Shape (N, items), one row per run, NaN missing.
    persona
        Codes of the personas, shape (N,).
    cell
        Codes of the cells, shape (N,): a persona in one context and wording. The SD over runs is within a cell, and a
        persona's mean is the mean of its cells.

    Notes
    -----
    SDs with ddof 1, over complete personas; a cell's mean and SD are over the answers that are there. Agrees with the
    published values of 17 of 18 llms to 4 digits (ten of them in tests/variance).
    """
    cells, of_row = np.unique(cell, return_inverse=True)
    first = np.unique(of_row, return_index=True)[1]
    personas, of_cell = np.unique(persona[first], return_inverse=True)
    known = np.isfinite(scores)
    in_cell, in_persona = summing(of_row, len(cells)), summing(of_cell, len(personas))
    n = in_cell(known.astype(float))
    complete = in_persona((n == 0).any(axis=1).astype(float)) == 0
    if not complete.any():
        return Robustness(float("nan"), float("nan"), 0)
    means = in_cell(np.where(known, scores, 0.0)) / np.maximum(n, 1)
    squares = in_cell(np.where(known, scores - means[of_row], 0.0) ** 2)
    repeated = (n > 1) & complete[of_cell][:, None]
    sds = np.sqrt(squares[repeated] / (n[repeated] - 1))
    uncertainty = float(sds.mean()) if len(sds) else float("nan")
    with np.errstate(divide="ignore"):
        r = float(np.divide(1.0, uncertainty))
    of_personas = (in_persona(means) / np.bincount(of_cell)[:, None])[complete]
    s = float(of_personas.std(axis=0, ddof=1).mean()) if len(of_personas) > 1 else float("nan")
    return Robustness(r, s, len(of_personas))

"""Robustness and susceptibility of one llm over personas (Costa, Alves & Vicente 2025, arXiv 2511.08565)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

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
    sds: list[FloatArray] = []
    means: list[FloatArray] = []
    for level in np.unique(persona):
        cells = [scores[cell == code] for code in np.unique(cell[persona == level])]
        if any((np.isfinite(rows).sum(axis=0) == 0).any() for rows in cells):
            continue
        means.append(np.mean([np.nanmean(rows, axis=0) for rows in cells], axis=0))
        sds.extend(_sd(rows) for rows in cells)
    if not means:
        return Robustness(float("nan"), float("nan"), 0)
    spread = np.concatenate(sds)
    spread = spread[np.isfinite(spread)]
    uncertainty = float(spread.mean()) if len(spread) else float("nan")
    with np.errstate(divide="ignore"):
        r = float(np.divide(1.0, uncertainty))
    s = float(np.std(means, axis=0, ddof=1).mean()) if len(means) > 1 else float("nan")
    return Robustness(r, s, len(means))


def _sd(rows: FloatArray) -> FloatArray:
    """SD of each item over the rows (ddof 1), NaN with fewer than two answers."""
    n = np.isfinite(rows).sum(axis=0)
    squares = np.nansum((rows - np.nanmean(rows, axis=0)) ** 2, axis=0)
    return np.asarray(np.sqrt(np.divide(squares, n - 1, out=np.full(len(n), np.nan), where=n > 1)))

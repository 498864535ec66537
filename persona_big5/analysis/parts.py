"""Parts of the respondents that are compared with one another: llm families left out, and halves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from persona_big5.analysis.answers import CELL, RESPONDENT
from persona_big5.errors import NotEstimableError
from persona_big5.validity.replication import halves
from persona_big5.variance.groups import distinct_rows
from persona_big5.variance.resampling import resampled_covariances

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from persona_big5.analysis.answers import Answers
    from persona_big5.variance.groups import FloatArray

SPLITS = 100
LEVELS = ("respondent", "means")
FEWEST_PERSONAS = 8
FEWEST_RESPONDENTS = 8
"""In each part."""


@dataclass(frozen=True, slots=True)
class Pairs:
    """Pairs of parts of the respondents.

    Attributes
    ----------
    first, second
        Covariances of items (n_pairs, items, items), by level.
    n_first, n_second
        Respondents in each part (n_pairs,).
    shared
        What both parts of a pair have in common, in words.
    """

    first: dict[str, FloatArray]
    second: dict[str, FloatArray]
    n_first: NDArray[np.int64]
    n_second: NDArray[np.int64]
    shared: str

    def too_few(self, pairs: slice = slice(None)) -> str:
        """Why these pairs cannot be compared, or nothing."""
        fewest = int(min(self.n_first[pairs].min(), self.n_second[pairs].min()))
        return too_few_respondents(fewest) if fewest < FEWEST_RESPONDENTS else ""


def too_few_respondents(n: int) -> str:
    """Say that a part of ``n`` respondents is too small."""
    return f"fewer than {FEWEST_RESPONDENTS} respondents in a part ({n})"


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything of the respondents that is compared; the reason in words where it cannot be.

    Attributes
    ----------
    families
        Names of the llm families.
    left_out
        Each family (first) and all others (second), in the order of ``families``.
    halves
        ``personas``, ``llm_families`` and ``personas_and_llm_families``.
    """

    families: tuple[str, ...]
    left_out: Pairs | str
    halves: dict[str, Pairs | str]


def llm_families(frame: pd.DataFrame) -> dict[str, str] | str:
    """Family of each llm by the column ``family`` of a long table; why there is none, in words, where it has none.

    An llm without an entry is a family of its own.
    """
    if "family" not in frame.columns or frame["family"].isna().all():
        return "no column family: each llm counts as a family of its own"
    pairs = frame[["llm", "family"]].drop_duplicates().dropna().astype(str)
    twice = sorted(pairs.loc[pairs["llm"].duplicated(), "llm"])
    if twice:
        return f"column family differs within llm {twice[0]!r}: each llm counts as a family of its own"
    return dict(zip(pairs["llm"], pairs["family"], strict=True))


def parts_of(answers: Answers, families: Mapping[str, str], seed: int) -> Parts:
    """Split the respondents by llm family, by persona, and by both at once.

    ``families``: family of each llm; one without is a family of its own. With both, one half of the families asked one
    half of the personas is compared with the other half of the families asked the other half of the personas.
    """
    llm, _, persona = distinct_rows(answers.codes[:, : len(RESPONDENT)])[1].T
    of_llm = np.array([families.get(name, name) for name in answers.levels["llm"]], dtype=object)
    names, family = np.unique(of_llm[llm].astype(str), return_inverse=True)
    personas, persona = np.unique(persona, return_inverse=True)
    of_families, of_personas, of_both = np.random.default_rng(seed).spawn(3)
    sides: dict[str, tuple[NDArray[np.bool_], NDArray[np.bool_], str]] = {}
    why = {
        "left_out": f"one llm family ({names[0]}): there is no other to compare it with",
        "personas": f"fewer than {FEWEST_PERSONAS} personas",
        "llm_families": "one llm family",
        "personas_and_llm_families": f"fewer than 2 llm families or {FEWEST_PERSONAS} personas",
    }
    if len(names) > 1:
        own = family == np.arange(len(names))[:, None]
        sides["left_out"] = (own, ~own, "the same personas")
        half = halves(len(names), SPLITS, of_families)[:, family]
        sides["llm_families"] = (half, ~half, "the same personas")
    if len(personas) >= FEWEST_PERSONAS:
        half = halves(len(personas), SPLITS, of_personas)[:, persona]
        sides["personas"] = (half, ~half, "the same llms")
    if {"llm_families", "personas"} <= sides.keys():
        half = halves(len(personas), SPLITS, of_both)[:, persona]
        llms = halves(len(names), len(half), of_both)
        llms = llms[np.arange(len(half)) % len(llms)][:, family]
        sides["personas_and_llm_families"] = (half & llms, ~half & ~llms, "neither llms nor personas")
    pairs: dict[str, Pairs | str] = {**why, **_pairs(answers, sides)}
    return Parts(tuple(map(str, names)), pairs.pop("left_out"), pairs)


def _pairs(answers: Answers, sides: Mapping[str, tuple[NDArray[np.bool_], NDArray[np.bool_], str]]) -> dict[str, Pairs]:
    """Work out the covariances of all parts in one pass over the answers."""
    if not sides:
        return {}
    members = [side for first, second, _ in sides.values() for side in (first, second)]
    covariances = covariances_of_parts(answers, np.concatenate(members), LEVELS)
    ends = np.cumsum([len(side) for side in members])[:-1]
    by_side = [
        dict(zip(LEVELS, found, strict=True))
        for found in zip(*(np.split(covariances[level], ends) for level in LEVELS), strict=True)
    ]
    return {
        name: Pairs(by_side[2 * i], by_side[2 * i + 1], first.sum(axis=1), second.sum(axis=1), shared)
        for i, (name, (first, second, shared)) in enumerate(sides.items())
    }


def covariances_of_parts(answers: Answers, parts: NDArray[np.bool_], levels: Sequence[str]) -> dict[str, FloatArray]:
    """Covariance of items (n_parts, items, items) in parts given by their respondents (n_parts, respondents), by level.

    A part is a resample in which a respondent counts once or not at all; NaN where it cannot tell.
    """
    return resampled_covariances(
        answers.scores,
        np.column_stack([answers.codes, answers.respondent]),
        (*CELL, "respondent"),
        respondent_columns=["respondent"],
        effects=(),
        counts={"respondent": parts.astype(float)},
        levels=levels,
    )


def covariance_of_rows(answers: Answers, rows: NDArray[np.bool_], level: str) -> FloatArray:
    """Covariance of items (items, items) in a part given by its rows (N,): some runs, contexts or wordings.

    Raises
    ------
    NotEstimableError
        Where it has too few respondents, or no cell was asked twice.
    """
    part = answers.where(rows)
    n_respondents = part.count(RESPONDENT)
    if n_respondents < FEWEST_RESPONDENTS:
        raise NotEstimableError(too_few_respondents(n_respondents))
    covariance: FloatArray = covariances_of_parts(part, np.ones((1, n_respondents), dtype=bool), [level])[level][0]
    if not np.isfinite(covariance).any():
        raise NotEstimableError("no cell of a part was asked twice: run noise cannot be removed from it")
    return covariance

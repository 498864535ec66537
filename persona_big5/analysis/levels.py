"""Covariance of items at every level, from answers and in the same way from worlds without factors."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from persona_big5.analysis.answers import CELL, RESPONDENT
from persona_big5.variance.covariance import (
    FEWEST_FOR_SPLIT,
    effect_covariance,
    means_covariance,
    pairwise_covariance,
    pooled_covariance,
    respondent_covariance,
    run_covariance,
    split_run_covariance,
)
from persona_big5.variance.design import RESIDUAL, identified_effects
from persona_big5.variance.groups import cross_sums
from persona_big5.variance.levels import level_effects
from persona_big5.variance.moments import Moments, moment_equations, same_design

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from persona_big5.analysis.answers import Answers
    from persona_big5.variance.design import Effect
    from persona_big5.variance.groups import FloatArray, GroupSums

OF_EFFECTS = ("llm", "variant", "persona", "llm:persona", "context")
"""Levels that are effects of the design."""
LEVELS = ("pooled", "means", "respondent", "split_run", "run", *OF_EFFECTS)
CORRECTED = ("respondent", "split_run", *OF_EFFECTS)
"""Levels whose matrix is a difference of matrices (or a cross-covariance), and no sample covariance."""


@dataclass(frozen=True)
class LevelEstimator:
    """Turns a matrix of scores of a fixed design into one covariance matrix per level.

    Coefficients of the moment equations are worked out once, from which answers are there.

    Attributes
    ----------
    answers
        The design, and which answers are missing.
    effects
        Effects that the design can tell apart.
    reasons
        Why a level cannot be had, by level.
    """

    answers: Answers
    effects: tuple[Effect, ...]
    reasons: dict[str, str]
    _moments: Moments = field(repr=False)

    @classmethod
    def of(cls, answers: Answers) -> LevelEstimator:
        """Find out which levels the design of ``answers`` can tell apart."""
        cells = cross_sums(answers.scores, answers.codes, CELL)
        reasons: dict[str, str] = {}
        asked_once = bool(cells.n.max() < 2)
        if asked_once:
            for level in ("respondent", "split_run", "run"):
                reasons[level] = "every cell was asked once: run noise cannot be told from the respondent"
        if answers.count(RESPONDENT) < 2:
            for level in ("means", "respondent", "split_run"):
                reasons[level] = "one respondent"
        odd = answers.run % 2 == 1
        both = np.intersect1d(answers.respondent[odd], answers.respondent[~odd])
        if len(both) < FEWEST_FOR_SPLIT:
            reasons.setdefault("split_run", f"{len(both)} respondents have both odd and even runs")
        if "run" not in reasons and _never_differ(cells):
            reasons["run"] = "repeated answers never differ: there is no run noise to look into"
        candidates = level_effects(answers.facets)
        n_observations = len(cells.grouping) if asked_once else len(answers.scores)
        identified = identified_effects(candidates, cells.grouping, n_observations=n_observations)
        reasons |= {name: why for name, why in identified.dropped.items() if name in LEVELS}
        for level in OF_EFFECTS:
            if level not in reasons and level not in {effect.name for effect in identified.effects}:
                reasons[level] = "is no facet of these data"
        return cls(answers, identified.effects, reasons, moment_equations(cells, identified.effects))

    def matrices(self, scores: FloatArray, levels: Collection[str] = LEVELS) -> dict[str, FloatArray]:
        """Covariance (items, items), raw direction, of those ``levels`` that can be had.

        ``scores`` (N, items) are laid out like the answers, with the same ones missing.
        """
        cells = cross_sums(scores, self.answers.codes, CELL)
        wanted = [level for level in levels if level not in self.reasons]
        found = covariance_by_level(cells, [level for level in wanted if level != "means"])
        if "means" in wanted:
            found["means"] = pairwise_covariance(self.answers.respondent_means(scores))
        if "split_run" in wanted:
            found["split_run"] = split_run_covariance(scores, self.answers.respondent, self.answers.run % 2 == 1)
        if {effect.name for effect in self.effects} & set(wanted):
            found |= effect_covariance(same_design(self._moments, cells, self.effects))
        return {level: found[level] for level in wanted}

    def runs_per_respondent(self) -> float:
        """R of (MSB - MSW) / R."""
        cells = cross_sums(self.answers.scores, self.answers.codes, CELL)
        return respondent_covariance(cells, RESPONDENT).runs_per_respondent

    def variances(self) -> dict[str, FloatArray]:
        """Raw variance components item by item (items,), by effect and ``residual``."""
        return {name: np.diag(matrix).copy() for name, matrix in effect_covariance(self._moments).items()}

    def reliability(self, matrices: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
        """Share of the observed variance between a level's units that belongs to the level (items,), if corrected.

        Observed is the variance of respondents' means, or the expected mean square of an effect without the effects
        that contain it.
        """
        found: dict[str, FloatArray] = {}
        with np.errstate(divide="ignore", invalid="ignore"):
            for level in ("respondent", "split_run"):
                if level in matrices:
                    found[level] = np.diag(matrices[level]) / np.diag(matrices["means"])
            names = [*(effect.name for effect in self.effects), RESIDUAL]
            variance = {name: np.maximum(values, 0.0) for name, values in self.variances().items()}
            weight = np.broadcast_to(self._moments.matrix, (*self._moments.matrix.shape[:2], *matrices["pooled"].shape))
            for i, effect in enumerate(self.effects):
                containing = {outer.name for outer in self.effects if outer.columns < effect.columns}
                parts = {
                    name: np.diag(weight[i, j]) * variance[name]
                    for j, name in enumerate(names)
                    if name not in containing
                }
                found[effect.name] = parts[effect.name] / np.sum(list(parts.values()), axis=0)
        return found

    def n_units(self, level: str) -> int:
        """How many units a level has.

        Rows for ``pooled`` and ``run``; respondents for ``means``, ``respondent`` and ``split_run``; else the effect's
        levels.
        """
        if level in ("pooled", "run"):
            return len(self.answers.scores)
        if level in ("means", "respondent", "split_run"):
            return self.answers.count(RESPONDENT)
        effect = next(effect for effect in self.effects if effect.name == level)
        return self.answers.count(effect.columns)


def _never_differ(cells: GroupSums) -> bool:
    return bool(np.nanmax(np.diag(run_covariance(cells))) <= 1e-9 * np.nanmax(np.diag(pooled_covariance(cells))))


def covariance_by_level(cells: GroupSums, wanted: Collection[str]) -> dict[str, FloatArray]:
    """Covariance of rows, of respondents' means, of respondents without run noise, and of runs, where ``wanted``.

    ``cells``: cross sums by cell, shape ``(items, items)``.
    """
    found: dict[str, FloatArray] = {}
    if "pooled" in wanted:
        found["pooled"] = pooled_covariance(cells)
    if "respondent" in wanted:
        separated = respondent_covariance(cells, RESPONDENT)
        found |= {"respondent": separated.respondent, "run": separated.run}
    if "means" in wanted:
        found["means"] = means_covariance(cells, RESPONDENT)
    if "run" in wanted and "run" not in found:
        found["run"] = run_covariance(cells)
    return found

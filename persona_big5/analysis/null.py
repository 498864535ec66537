"""Worlds with the components of the data and no factors: eigenvalues when nothing moves together.

The component null draws normal effects with the design's own levels and the estimated variances, item by item
independent, each level as strong as in the data (a few strong personas are a few dimensions, by chance), and run errors
with the whole estimated run covariance where items share a session, as large for each llm and variant as its own run
noise. Permuting respondents instead would ignore that cells share personas and llms, and would destroy a shared mood.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from persona_big5.analysis.answers import CELL
from persona_big5.analysis.levels import Rows
from persona_big5.analysis.strength import PERSONA_ALONE, strength
from persona_big5.variance.cells import Cells
from persona_big5.variance.design import RESIDUAL
from persona_big5.variance.groups import distinct_rows
from persona_big5.variance.sums import sums_of_scores

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from persona_big5.analysis.answers import Answers
    from persona_big5.analysis.levels import LevelEstimator
    from persona_big5.variance.groups import FloatArray, IntArray

    Freedom = tuple[tuple[float, int], ...]


@dataclass(frozen=True)
class ComponentWorld:
    """A world to draw covariance matrices from.

    Runs of a cell without missing answers are drawn together: their mean, and the products within them by Wishart's
    distribution, which is the same as drawing them one by one.

    Attributes
    ----------
    rows
        What a row of a draw is: the mean of the odd or the even runs of a cell, or a single run.
    effects
        By effect, the level of each row (N,), its strength relative to the average (N, 1), and F (items, m) with F F'
        the covariance of the effect.
    run
        F of the run errors, shape (items, items).
    noise
        By row, SD of its llm's and variant's run errors relative to the average, shape (N, 1).
    freedom
        Degrees of freedom within rows by that relative SD.
    gaps
        Rows of cells with missing answers (M,), and these cells: what is drawn row by row where only runs matter. None
        without any.
    freedom_of_runs
        Degrees of freedom within these rows and within all other cells, by relative SD.
    """

    rows: Rows
    effects: tuple[tuple[IntArray, FloatArray, FloatArray], ...]
    run: FloatArray
    noise: FloatArray
    freedom: Freedom
    gaps: tuple[IntArray, Cells] | None
    freedom_of_runs: Freedom

    def draw(
        self, estimator: LevelEstimator, levels: Collection[str], random: np.random.Generator
    ) -> dict[str, FloatArray]:
        """Draw a world once and estimate covariance (items, items) at ``levels`` as from answers."""
        scores = self._errors(self.run, random)
        for level, size, factor in self.effects:
            scores += size * (random.standard_normal((int(level.max()) + 1, factor.shape[1])) @ factor.T)[level]
        within = self._within(self.run, self.freedom, random)
        return estimator.matrices(scores, levels, rows=self.rows, within=within)

    def draw_runs(self, estimator: LevelEstimator, random: np.random.Generator) -> FloatArray:
        """Draw run errors alone, independent between items, and estimate their covariance (items, items)."""
        sds = np.sqrt((self.run**2).sum(axis=1))
        within = self._within(np.diag(sds), self.freedom_of_runs, random)
        if self.gaps is not None:
            rows, cells = self.gaps
            errors = self._scale(random.standard_normal((len(rows), len(sds))) * sds, rows)
            within = cells.statistics(errors, within).within
        return estimator.run_covariance(within)

    def _errors(self, factor: FloatArray, random: np.random.Generator) -> FloatArray:
        return self._scale(random.standard_normal((len(self.noise), len(factor))) @ factor.T)

    def _scale(self, errors: FloatArray, rows: IntArray | slice = slice(None)) -> FloatArray:
        """Errors of means of runs, from errors of single runs of an average llm."""
        return np.asarray(errors * (self.noise[rows] / np.sqrt(self.rows.cells.weight[rows])[:, None]))

    @staticmethod
    def _within(factor: FloatArray, freedom: Freedom, random: np.random.Generator) -> FloatArray:
        within = np.zeros_like(factor)
        for noise, df in freedom:
            within += noise**2 * _wishart(df, len(factor), random)
        return np.asarray(factor @ within @ factor.T)


def _wishart(freedom: int, p: int, random: np.random.Generator) -> FloatArray:
    """Products (p, p) of ``freedom`` rows of independent standard normal numbers (Bartlett's decomposition)."""
    if freedom < p:
        rows = random.standard_normal((freedom, p))
        return np.asarray(rows.T @ rows)
    root = np.tril(random.standard_normal((p, p)), -1)
    np.fill_diagonal(root, np.sqrt(random.chisquare(freedom - np.arange(p))))
    return np.asarray(root @ root.T)


def null_world(
    answers: Answers,
    estimator: LevelEstimator,
    matrices: Mapping[str, FloatArray],
) -> ComponentWorld:
    """Set up the component null: independent items in every effect, the mood left in the runs.

    Where sessions are isolated there is no mood, and items are independent in the runs too.

    Parameters
    ----------
    answers
        The design that is drawn: that of ``estimator``, or a part of it.
    estimator, matrices
        Where the components come from.
    """
    return _world(answers, estimator, matrices, np.eye(len(answers.items.names)))


def planted_world(
    answers: Answers, estimator: LevelEstimator, matrices: Mapping[str, FloatArray], *, n_factors: int, loading: float
) -> ComponentWorld:
    """Set up the same world with factors in every effect.

    There are ``n_factors`` uncorrelated ones, items taking turns, all with one loading.
    """
    n_items = len(answers.items.names)
    loadings = np.zeros((n_items, n_factors))
    loadings[np.arange(n_items), np.arange(n_items) % n_factors] = loading
    return _world(answers, estimator, matrices, loadings @ loadings.T + (1 - loading**2) * np.eye(n_items))


def _world(
    answers: Answers, estimator: LevelEstimator, matrices: Mapping[str, FloatArray], correlations: FloatArray
) -> ComponentWorld:
    root = square_root(correlations)
    variances = estimator.variances()
    of_row, rows = _rows(answers)
    noise = _relative_noise(answers)
    strong = strength(answers, estimator, variances, noise)
    effects = []
    for effect in estimator.effects:
        level = answers.unit(effect.columns)
        size = strong.of_level[effect.name][level]
        if effect.columns == PERSONA_ALONE:
            size = size * strong.following
        factor = np.sqrt(strong.variances[effect.name])[:, None] * root
        effects.append((level[of_row], size[of_row, None], factor))
    run = matrices.get("run", np.diag(variances[RESIDUAL]))
    if answers.session_design == "isolated":
        run = np.diag(np.diag(run))
    noise = noise[of_row]
    cell = rows.cells.cell
    incomplete = np.bincount(cell, weights=(rows.cells.present < 1).any(axis=1)) > 0
    rows_of_gaps = np.flatnonzero(incomplete[cell])
    _, first = np.unique(cell, return_index=True)
    runs = np.bincount(cell, weights=rows.cells.weight)
    return ComponentWorld(
        rows=rows,
        effects=tuple(effects),
        run=square_root(np.nan_to_num(run)),
        noise=noise[:, None],
        freedom=_freedom(noise, rows.cells.weight - 1),
        gaps=(rows_of_gaps, _part(rows.cells, rows_of_gaps)) if len(rows_of_gaps) else None,
        freedom_of_runs=_freedom(
            np.concatenate([noise[first[~incomplete]], noise[rows_of_gaps]]),
            np.concatenate([runs[~incomplete], rows.cells.weight[rows_of_gaps]]) - 1,
        ),
    )


def _part(cells: Cells, rows: IntArray) -> Cells:
    """Cells of some rows only."""
    codes = cells.grouping.levels[cells.cell[rows]]
    return Cells.of(cells.present[rows] > 0, codes, cells.grouping.columns, cells.weight[rows])


def _freedom(noise: FloatArray, freedom: FloatArray) -> Freedom:
    """Degrees of freedom added up by relative SD, those with any."""
    levels, level = np.unique(noise, return_inverse=True)
    total = np.bincount(level, weights=freedom, minlength=len(levels)).astype(int)
    return tuple((float(sd), int(df)) for sd, df in zip(levels, total, strict=True) if df > 0)


def _rows(answers: Answers) -> tuple[IntArray, Rows]:
    """Rows of a draw, and a run of the answers that each stands for.

    Odd runs of a cell are one row, and even ones, unless an answer is missing in one of them: then each is a row.
    """
    cell, odd = answers.cell, answers.run % 2
    part, _ = distinct_rows(np.column_stack([cell, odd]))
    gaps = np.bincount(part, weights=np.isnan(answers.scores).any(axis=1))
    alone = gaps[part] > 0
    row, _ = distinct_rows(np.column_stack([part, np.where(alone, np.arange(len(part)), 0)]))
    _, first, weight = np.unique(row, return_index=True, return_counts=True)
    cells = Cells.of(np.isfinite(answers.scores[first]), answers.codes[first], CELL, weight.astype(np.float64))
    return first, Rows(cells, answers.respondent[first], odd[first] == 1)


def _relative_noise(answers: Answers) -> FloatArray:
    """SD of the run errors of each row's llm and variant relative to the average, (N,); 1 where nothing is known.

    Mean within-cell variance over items, pooled over the cells of the llm and variant.
    """
    sums = sums_of_scores(answers.scores, answers.cell[:, None], ["cell"])
    squares = sums.within().sum(axis=1)
    freedom = np.maximum(sums.n - 1, 0.0).sum(axis=1)
    of_row = answers.unit(("llm", "variant"))
    of_cell = of_row[np.unique(answers.cell, return_index=True)[1]]
    noise, known = np.bincount(of_cell, weights=squares), np.bincount(of_cell, weights=freedom)
    if known.sum() == 0 or noise.sum() <= 0:
        return np.ones(len(of_row))
    average = noise.sum() / known.sum()
    relative = np.divide(noise, known * average, out=np.ones(len(known)), where=known > 0)
    return np.asarray(np.sqrt(np.maximum(relative, 0.0)))[of_row]


def square_root(covariance: FloatArray) -> FloatArray:
    """F with F F' = the covariance, its negative eigenvalues set to 0."""
    values, vectors = np.linalg.eigh(covariance)
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0.0)))

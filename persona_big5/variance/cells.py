"""Covariance components of all pairs of items at once, from cell sums, by matrix products.

For an effect e with groups g, n_gi answers to item i that sum to L_gi, let

    T_e[i, j] = sum over g of (L_gi / sqrt(n_gi)) (L_gj / sqrt(n_gj)),

and let the products within cells be those of deviations from the cell's own mean of each item. Their expectations are
linear in the products of means and in the components (Henderson 1953, Biometrics 9, 226-252, whose method I this is on
the diagonal, where T is the sum of squares of group sums over their sizes; Searle, Casella & McCulloch 1992, ch. 5 and
11). Off the diagonal, where answers are missing, each item uses all its own answers: the estimates stay unbiased, and
because every sum and every coefficient is a product of two matrices with one column per item, no array of
groups x items x items is made. Without missing answers this is Henderson's method for covariances.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from persona_big5.variance.design import RESIDUAL
from persona_big5.variance.groups import Grouping, distinct_rows, over, summing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from persona_big5.variance.design import Effect
    from persona_big5.variance.groups import FloatArray, IntArray

ILL_CONDITIONED = 1e10
"""Condition number from which on the equations of a pair of items count as singular."""
_CHUNK = 4_000_000
"""Numbers held at once where cells need an array of items x items each."""


@dataclass(frozen=True)
class Cells:
    """Rows of answers in cells, and which answers there are.

    Attributes
    ----------
    grouping
        The C cells.
    cell
        Cell of each row (N,).
    weight
        Number of runs that a row stands for, the mean of them all: 1 for an answer (N,).
    present
        1 where there is an answer, else 0 (N, items); (N, 1) where none is missing.
    counts
        Runs of each cell by item (C, items); (C, 1) where none is missing.
    """

    grouping: Grouping
    cell: IntArray
    weight: FloatArray
    present: FloatArray
    counts: FloatArray
    _add: Callable[[FloatArray], FloatArray]
    _alike: RowsAlike

    @classmethod
    def of(
        cls, present: NDArray[np.bool_], codes: IntArray, columns: Sequence[str], weight: FloatArray | None = None
    ) -> Cells:
        """Group rows into cells.

        Parameters
        ----------
        present
            Which answers there are (N, items).
        codes, columns
            Integer codes of the cells' columns (N, n_columns), and their names.
        weight
            Runs that each row stands for (N,); default 1.
        """
        cell, levels = distinct_rows(codes)
        weight = np.ones(len(cell)) if weight is None else weight
        marks = np.ones((len(cell), 1)) if present.all() else present.astype(np.float64)
        add = summing(cell, len(levels))
        alike = RowsAlike.of(cell, weight, marks)
        return cls(Grouping(columns, levels), cell, weight, marks, add(marks * weight[:, None]), add, alike)

    def statistics(self, scores: FloatArray, within: FloatArray | float = 0.0) -> CellStatistics:
        """Sum ``scores`` (N, items; anything where missing) by cell, and their products within cells.

        ``within`` (items, items): products within rows, where a row is the mean of several runs.
        """
        absent = self.present.shape[1] > 1
        filled = np.where(self.present > 0, scores, 0.0) if absent else scores
        totals = self.weight @ self.present
        filled = filled - (self.weight @ filled) / np.where(totals > 0, totals, 1.0)
        if absent:
            filled *= self.present
        sums = self._add(filled * self.weight[:, None])
        deviations = filled - over(sums, self.counts)[self.cell] * self.present
        deviations *= np.sqrt(self.weight)[:, None]
        return CellStatistics(sums, deviations.T @ deviations + within)

    @property
    def asked_once(self) -> bool:
        """Whether no cell has two runs with an answer to the same item."""
        return bool(self.counts.max(initial=0.0) < 2)

    def pairs_in_groups(self, codes: IntArray, counts: FloatArray) -> FloatArray:
        """Sum over groups of n_gij / sqrt(n_gi n_gj), (items, items); ``codes`` (C,), ``counts`` (G, items)."""
        rows = self._alike
        scaled = rows.present * np.sqrt(rows.weight)[:, None] * over(1.0, np.sqrt(counts))[codes[rows.cell]]
        return np.asarray(scaled.T @ scaled)

    def freedom(self) -> FloatArray:
        """Coefficient of the run covariance in the products within cells, (items, items) or (1, 1)."""
        rows = self._alike
        of_complete = float((rows.weight[~rows.holed] - 1).sum())
        if not rows.holed.any():
            return np.full((self.present.shape[1],) * 2, of_complete)
        cells, cell = np.unique(rows.cell[rows.holed], return_inverse=True)
        counts, present = self.counts[cells], rows.present[rows.holed]
        weighted = present * rows.weight[rows.holed, None]
        once = (present * over(1.0, counts)[cell]).T @ weighted
        return np.asarray(
            of_complete + weighted.T @ present - once - once.T + _squared_pairs(cell, weighted, present, counts)
        )


@dataclass(frozen=True, slots=True)
class RowsAlike:
    """Rows by what is missing in them: those of a cell without gaps taken together, each of the others on its own.

    Attributes
    ----------
    cell
        Cell of each (M,).
    weight
        Runs that each stands for (M,).
    present
        Which answers there are (M, items or 1).
    holed
        Those of cells with gaps (M,).
    """

    cell: IntArray
    weight: FloatArray
    present: FloatArray
    holed: NDArray[np.bool_]

    @classmethod
    def of(cls, cell: IntArray, weight: FloatArray, present: FloatArray) -> RowsAlike:
        """Sort rows by whether their cell has gaps; arguments as in `Cells`."""
        gaps = np.bincount(cell, weights=(present < 1).any(axis=1)) > 0
        runs = np.bincount(cell, weights=weight)
        whole = np.flatnonzero(~gaps)
        single = np.flatnonzero(gaps[cell])
        return cls(
            cell=np.concatenate([whole, cell[single]]),
            weight=np.concatenate([runs[whole], weight[single]]),
            present=np.concatenate([np.ones((len(whole), present.shape[1])), present[single]]),
            holed=np.arange(len(whole) + len(single)) >= len(whole),
        )


def _squared_pairs(cell: IntArray, weighted: FloatArray, present: FloatArray, counts: FloatArray) -> FloatArray:
    """Sum over cells of n_cij^2 / (n_ci n_cj), cells laid out side by side a chunk at a time."""
    p = present.shape[1]
    total = np.zeros((p, p))
    order = np.argsort(cell, kind="stable")
    sizes = np.bincount(cell, minlength=len(counts))
    ends = np.cumsum(sizes)
    per_chunk = max(1, _CHUNK // (p * max(p, int(sizes.max(initial=1)))))
    inverse = over(1.0, np.sqrt(counts))
    for first in range(0, len(counts), per_chunk):
        last = min(first + per_chunk, len(counts))
        rows = order[ends[first] - sizes[first] : ends[last - 1]]
        own = cell[rows] - first
        place = np.arange(len(rows)) - (ends[first:last] - sizes[first:last] - (ends[first] - sizes[first]))[own]
        laid_out = np.zeros((2, last - first, int(sizes[first:last].max()), p))
        laid_out[0, own, place], laid_out[1, own, place] = weighted[rows], present[rows]
        n = laid_out[0].swapaxes(1, 2) @ laid_out[1]
        n *= inverse[first:last, :, None] * inverse[first:last, None, :]
        total += np.einsum("cij,cij->ij", n, n)
    return total


@dataclass(frozen=True, slots=True)
class CellStatistics:
    """All that covariance components need of answers: sums by cell (C, items), products within cells (items, items)."""

    sums: FloatArray
    within: FloatArray


@dataclass(frozen=True)
class CovarianceEquations:
    """The moment equations of every pair of items for one design, solved for any answers to it.

    Attributes
    ----------
    names
        The effects, and ``residual`` (the runs) last.
    cells
        The design.
    coefficients
        Shape (E + 2, E + 2, items, items) or (E + 2, E + 2, 1, 1): equations of the overall mean, the effects and
        the runs, by what they are equations in, in the same order.
    """

    names: tuple[str, ...]
    cells: Cells
    coefficients: FloatArray
    _scaled: tuple[tuple[Callable[[FloatArray], FloatArray], FloatArray], ...]
    _inverse: FloatArray

    @classmethod
    def of(cls, cells: Cells, effects: Sequence[Effect]) -> CovarianceEquations:
        """Set up the equations of ``effects`` and the runs within cells.

        Where every cell was asked once the runs' equation is that of the cells, which are then the residual.
        """
        grouped = [_Grouped.of(cells, frozenset()), *(_Grouped.of(cells, effect.columns) for effect in effects)]
        if cells.asked_once:
            grouped.append(_Grouped.of(cells, cells.grouping.columns))
        size = len(effects) + 2
        shape = (cells.present.shape[1],) * 2
        coefficients = np.zeros((size, size, *shape))
        for i, e in enumerate(grouped):
            for j, f in enumerate(grouped[: size - 1]):
                coefficients[i, j] = e.expected(f, cells)
            coefficients[i, -1] = cells.pairs_in_groups(e.codes, e.counts)
        if not cells.asked_once:
            coefficients[-1, -1] = cells.freedom()
        names = (*(effect.name for effect in effects), RESIDUAL)
        scaled = tuple((e.add, over(1.0, np.sqrt(e.counts))) for e in grouped)
        return cls(names, cells, coefficients, scaled, _inverse(coefficients))

    def solve(self, statistics: CellStatistics) -> dict[str, FloatArray]:
        """Covariance components (items, items) by name, symmetric, untruncated; NaN for pairs that cannot be had."""
        rows = []
        for add, scale in self._scaled:
            scaled = add(statistics.sums) * scale
            rows.append(scaled.T @ scaled)
        if len(rows) < len(self.coefficients):
            rows.append(statistics.within)
        moments = np.stack(rows)
        if self._inverse.shape[2:] == (1, 1):
            solved = np.tensordot(self._inverse[:, :, 0, 0], moments, axes=1)
        else:
            solved = np.einsum("abij,bij->aij", self._inverse, moments)
        return {name: (part + part.T) / 2 for name, part in zip(self.names, solved[1:], strict=True)}

    def expected_shares(self) -> FloatArray:
        """Coefficients of effects and runs in the variance of each item (E, E + 1, items or 1), means taken off.

        Row e: what each component contributes to T_e less the correction for the mean.
        """
        diagonal = np.moveaxis(np.diagonal(self.coefficients, axis1=2, axis2=3), -1, -1)
        return np.asarray(diagonal[1:-1, 1:] - diagonal[:1, 1:])


@dataclass(frozen=True)
class _Grouped:
    """Groups of one effect: its columns, group of each cell, counts (G, items or 1), and how cells are added up."""

    columns: frozenset[str]
    codes: IntArray
    counts: FloatArray
    add: Callable[[FloatArray], FloatArray]

    @classmethod
    def of(cls, cells: Cells, columns: frozenset[str] | Sequence[str]) -> _Grouped:
        _, codes, add = cells.grouping.coarser(columns)
        return cls(frozenset(columns), codes, add(cells.counts), add)

    def expected(self, other: _Grouped, cells: Cells) -> FloatArray:
        """Coefficient in T of this effect of the component of another (or of the products of means)."""
        if other.columns <= self.columns:
            roots = np.sqrt(self.counts)
            return np.asarray(roots.T @ roots)
        joint, codes, add = cells.grouping.coarser(self.columns | other.columns)
        first = np.full(len(joint), -1, dtype=np.int64)
        first[codes] = self.codes
        scaled = add(cells.counts) * over(1.0, np.sqrt(self.counts))[first]
        return np.asarray(scaled.T @ scaled)


def _inverse(coefficients: FloatArray) -> FloatArray:
    """Invert the equations of every pair of items; NaN where they are singular."""
    rows, columns = np.triu_indices(coefficients.shape[-1])
    inverse = inverses(np.moveaxis(coefficients[:, :, rows, columns], -1, 0))
    found = np.empty(coefficients.shape)
    found[:, :, rows, columns] = found[:, :, columns, rows] = np.moveaxis(inverse, 0, -1)
    return found


def inverses(matrix: FloatArray) -> FloatArray:
    """Invert many systems of equations (..., n, n), whose rows may differ in size; NaN where one is singular."""
    scale = np.abs(matrix).max(axis=-1, keepdims=True)
    scale = np.where(scale > 0, scale, 1.0)
    matrix = matrix / scale
    sound = np.abs(np.linalg.det(matrix)) > np.finfo(np.float64).tiny
    inverse = np.linalg.inv(np.where(sound[..., None, None], matrix, np.eye(matrix.shape[-1])))
    condition = np.abs(matrix).sum(axis=-1).max(axis=-1) * np.abs(inverse).sum(axis=-1).max(axis=-1)
    sound &= condition < ILL_CONDITIONED
    return np.asarray(np.where(sound[..., None, None], inverse / scale.swapaxes(-1, -2), np.nan))

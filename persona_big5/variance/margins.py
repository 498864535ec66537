"""Group sums of one table by every set of columns that is asked for, each worked out once."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

import numpy as np

from persona_big5.variance.groups import BLOCK, over, summing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from persona_big5.variance.groups import FloatArray, IntArray
    from persona_big5.variance.sums import GroupSums


CODES_KEPT = 2
"""Of tables with millions of groups the codes take most of the memory; a total needs two of them at a time."""
NUMBERS_AT_ONCE = 1 << 16
"""Numbers in each of the dozen arrays that a change is worked out from."""


class Margins:
    """Sums of a table by any of its columns, from the smallest table at hand that holds them.

    ``finest`` are the group sums by all columns.
    """

    def __init__(self, finest: GroupSums) -> None:
        self.columns = finest.columns
        self._tables: dict[frozenset[str], GroupSums] = {finest.columns: finest}
        self._single: dict[frozenset[str], bool] = {}
        self._codes: dict[tuple[frozenset[str], frozenset[str]], IntArray] = {}

    def prepare(self, wanted: Iterable[frozenset[str]]) -> None:
        """Work out the sums by each set of columns, the larger sets first, so that the smaller come from them."""
        for columns in sorted(set(wanted), key=lambda columns: (-len(columns), sorted(columns))):
            self.by(columns)

    def by(self, columns: frozenset[str]) -> GroupSums:
        """Give the sums by ``columns``."""
        if columns not in self._tables:
            smallest = min((t for c, t in self._tables.items() if columns < c), key=lambda table: len(table.grouping))
            self._tables[columns] = smallest.by(columns)
        return self._tables[columns]

    def codes(self, finer: frozenset[str], columns: frozenset[str]) -> IntArray:
        """Give the number of each group by ``finer`` among the groups by ``columns``, a subset of it."""
        if finer == columns:
            return np.arange(len(self.by(finer).grouping))
        key = finer, columns
        if key not in self._codes:
            while len(self._codes) >= CODES_KEPT:
                del self._codes[next(iter(self._codes))]
            self._codes[key] = self.by(finer).grouping.coarser(columns).codes
        return self._codes[key]

    def single(self, columns: frozenset[str]) -> bool:
        """Whether no group by ``columns`` holds more than one observation."""
        if columns not in self._single:
            self._single[columns] = bool(self.by(columns).n.max() <= 1)
        return self._single[columns]


class Totals:
    """Totals over the groups of tables: of all answers, or with each level of a facet left out in turn.

    Shapes are (items,) without a facet and (n_levels, items) with one, in order of the levels' codes.
    """

    def __init__(self, margins: Margins, facet: str | None) -> None:
        self._margins = margins
        self._facet = frozenset() if facet is None else frozenset({facet})
        self._found: dict[object, FloatArray] = {}
        self._lost_of: dict[frozenset[str], dict[frozenset[str], FloatArray]] = {}

    def of_observations(self) -> FloatArray:
        """Count observations."""
        return self._kept("n", lambda: self._whole(frozenset(), lambda table: table.n))

    def of_squares_of_observations(self) -> FloatArray:
        """Sum of the squares of all observations."""
        return self._kept("squares", lambda: self._whole(frozenset(), lambda table: table.squares))

    def of_groups(self, columns: frozenset[str]) -> FloatArray:
        """Count groups that hold any observation."""

        def some(n: FloatArray) -> FloatArray:
            return (n > 0).astype(float)

        return self._kept(("groups", columns), lambda: self._counted(columns, some))

    def of_squared_counts(self, columns: frozenset[str]) -> FloatArray:
        """Sum over groups of n^2."""
        return self._kept(("squared counts", columns), lambda: self._counted(columns, np.square))

    def of_mean_squares(self, columns: frozenset[str]) -> FloatArray:
        """Sum over groups of the square of the sum / n."""
        table, part = self._margins.by(columns), self._margins.by(columns | self._facet)
        total = np.asarray(table.mean_squares().sum(axis=0))
        if not self._facet:
            return total
        change = self._change(
            columns, [table.n, table.totals], [part.n, part.totals], lambda n, totals: over(totals**2, n)
        )
        return total + change

    def expected(self, of: frozenset[str], by: frozenset[str]) -> FloatArray:
        """Coefficient of the component of the groups ``by`` in the sum of mean squares of the groups ``of``.

        Sum over the groups g of ``of`` of (sum over the groups h of ``by`` of n_gh^2) / n_g.
        """
        joint = of | by
        if joint == of:
            return self.of_observations()
        if self._margins.single(joint):
            return self.of_groups(of)
        return self._kept(("expected", of, joint), lambda: self._expected(of, joint))

    def _expected(self, of: frozenset[str], joint: frozenset[str]) -> FloatArray:
        table, n = self._margins.by(of), self._margins.by(joint).n
        squares = self._add(joint, of, n**2)
        total = np.asarray(over(squares, table.n).sum(axis=0))
        if not self._facet:
            return total
        lost = self._lost(of, joint)
        of_part = self._margins.by(of | self._facet).n
        return total + self._change(of, [table.n, squares], [of_part, lost], lambda n, a: over(a, n))

    def _lost(self, of: frozenset[str], joint: frozenset[str]) -> FloatArray:
        """Give the part of the sum of n_gh^2 that goes with a level, by groups of ``of`` and levels (G', items)."""
        for columns, lost in self._lost_of.get(joint, {}).items():
            if of <= columns:
                return self._add(columns | self._facet, of | self._facet, lost)
        finer = joint | self._facet
        n, part = self._margins.by(joint).n, self._margins.by(finer).n
        group, target = self._margins.codes(finer, joint), self._margins.codes(finer, of | self._facet)
        n_targets = len(self._margins.by(of | self._facet).grouping)
        lost = np.zeros((n_targets, part.shape[1]))
        for block in _blocks(BLOCK, part):
            before = n[group[block]]
            lost += summing(target[block], n_targets)(before**2 - (before - part[block]) ** 2)
        self._lost_of.setdefault(joint, {})[of] = lost
        return lost

    def _kept(self, key: object, work_out: Callable[[], FloatArray]) -> FloatArray:
        if key not in self._found:
            self._found[key] = work_out()
        return self._found[key]

    def _whole(self, columns: frozenset[str], quantity: Callable[[GroupSums], FloatArray]) -> FloatArray:
        total = quantity(self._margins.by(columns)).sum(axis=0)
        return np.asarray(total - quantity(self._margins.by(self._facet)) if self._facet else total)

    def _counted(self, columns: frozenset[str], value: Callable[[FloatArray], FloatArray]) -> FloatArray:
        n = self._margins.by(columns).n
        total = np.asarray(value(n).sum(axis=0))
        if not self._facet:
            return total
        return total + self._change(columns, [n], [self._margins.by(columns | self._facet).n], value)

    def _change(
        self,
        columns: frozenset[str],
        whole: Sequence[FloatArray],
        parts: Sequence[FloatArray],
        value: Callable[..., FloatArray],
    ) -> FloatArray:
        """Change in the sum over groups of ``value`` when a level of the facet leaves (n_levels, items).

        ``whole`` are what ``value`` is computed from, by groups of ``columns``; ``parts`` the levels' parts of them.
        """
        finer = columns | self._facet
        group, level = self._margins.codes(finer, columns), self._margins.codes(finer, self._facet)
        n_levels = len(self._margins.by(self._facet).grouping)
        change: FloatArray | float = 0.0
        for block in _blocks(NUMBERS_AT_ONCE, *parts):
            before = [array[group[block]] for array in whole]
            after = [array - part[block] for array, part in zip(before, parts, strict=True)]
            change = change + summing(level[block], n_levels)(value(*after) - value(*before))
        return np.asarray(change)

    def _add(self, finer: frozenset[str], columns: frozenset[str], values: FloatArray) -> FloatArray:
        if finer == columns:
            return values
        return self._margins.by(finer).grouping.coarser(columns).add(values)


def _blocks(at_once: int, *arrays: FloatArray) -> list[slice]:
    """Slices of the first axis in which arrays (N, items), broadcast together, have ``at_once`` numbers at most."""
    n, *shape = np.broadcast_shapes(*(array.shape for array in arrays))
    step = max(at_once // max(prod(shape), 1), 1)
    return [slice(start, start + step) for start in range(0, n, step)]

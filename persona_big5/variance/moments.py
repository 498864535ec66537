"""Variance and covariance components by the method of moments, from group sums alone.

Henderson's method I (Henderson 1953, Biometrics 9, 226-252; Searle, Casella & McCulloch 1992, ch. 5): for every effect
e the sum over its levels of (sum of y)^2 / n is set equal to its expectation, which is linear in the components; the
linear system is solved. Unbiased for any crossed or nested random design, whatever is missing, and identical to
analysis of variance by expected mean squares where the data are balanced. With products of two variables in the place
of squares the same equations give covariance components, so the variances are the diagonal of the matrices because they
are one computation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from persona_big5.errors import NotEstimableError
from persona_big5.variance.design import RESIDUAL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from persona_big5.variance.design import Effect
    from persona_big5.variance.groups import FloatArray, GroupSums

SINGULAR = 1e-10
"""Smallest ratio of singular values of the (row-scaled) system that counts as solvable."""


@dataclass(frozen=True, slots=True)
class Moments:
    """The moment equations of a design, ready to solve: ``matrix`` times the components equals ``sums``.

    Attributes
    ----------
    names
        The E effects and ``residual``.
    matrix
        Shape (E + 1, E + 1, *shape), of length 1 along an axis of shape that shares its counts.
    sums
        Shape (E + 1, *shape).
    """

    names: tuple[str, ...]
    matrix: FloatArray
    sums: FloatArray

    def solve(self) -> dict[str, FloatArray]:
        """Components by name, each of shape ``shape``, untruncated.

        A quantity whose equations are singular, or cannot be set up for want of answers, is NaN.
        """
        shape = np.broadcast_shapes(self.matrix.shape[2:], self.sums.shape[1:])
        matrix = np.moveaxis(self.matrix, (0, 1), (-2, -1))
        sums = np.moveaxis(np.broadcast_to(self.sums, (len(self.names), *shape)), 0, -1)
        known = np.asarray(np.isfinite(matrix).all(axis=(-2, -1)) & np.isfinite(sums).all(axis=-1))
        matrix = np.where(known[..., None, None], matrix, 0.0)
        scale = np.abs(matrix).max(axis=-1, keepdims=True)
        scale = np.where(scale == 0, 1.0, scale)
        singular_values = np.linalg.svd(matrix / scale, compute_uv=False)
        sound = known & (singular_values[..., -1] > SINGULAR * singular_values[..., 0])
        safe = np.where(sound[..., None, None], matrix / scale, np.eye(len(self.names)))
        solved = np.linalg.solve(safe, (sums / scale[..., 0])[..., None])[..., 0]
        solution = np.where(sound[..., None], np.asarray(solved, dtype=np.float64), np.nan)
        return {name: solution[..., i] for i, name in enumerate(self.names)}


def moment_equations(sums: GroupSums, effects: Sequence[Effect]) -> Moments:
    """Set up Henderson's method I for ``effects`` and a residual.

    ``sums``: group sums whose columns include those of all effects. Groups without observations contribute nothing.

    Raises
    ------
    NotEstimableError
        Where fewer than two observations are left.
    """
    if sums.n.sum(axis=0).max() < 2:
        raise NotEstimableError("fewer than two answers: no variance can be computed")
    grouped = _group(sums, effects)
    names = (*(effect.name for effect in effects), RESIDUAL)
    return Moments(names, _coefficients(sums, grouped, effects), _moments(sums, grouped, effects))


def same_design(moments: Moments, sums: GroupSums, effects: Sequence[Effect]) -> Moments:
    """Set up the equations of other answers to the same design (same groups, same answers missing).

    The coefficients of ``moments`` are taken over.
    """
    return Moments(moments.names, moments.matrix, _moments(sums, _group(sums, effects), effects))


def _moments(sums: GroupSums, grouped: dict[frozenset[str], GroupSums], effects: Sequence[Effect]) -> FloatArray:
    correction = sums.correction()
    rows = [grouped[effect.columns].sum_of_mean_products() - correction for effect in effects]
    return np.stack([*rows, sums.products.sum(axis=0) - correction])


def _coefficients(sums: GroupSums, grouped: dict[frozenset[str], GroupSums], effects: Sequence[Effect]) -> FloatArray:
    total = sums.n.sum(axis=0)
    matrix = np.empty((len(effects) + 1, len(effects) + 1, *total.shape))
    with np.errstate(divide="ignore", invalid="ignore"):
        of_mean = [(grouped[f.columns].n ** 2).sum(axis=0) / total for f in effects]
        for i, e in enumerate(effects):
            for j, f in enumerate(effects):
                matrix[i, j] = _expected(grouped, e, f) - of_mean[j]
            matrix[i, -1] = (grouped[e.columns].n > 0).sum(axis=0) - 1.0
    for j in range(len(effects)):
        matrix[-1, j] = total - of_mean[j]
    matrix[-1, -1] = total - 1.0
    return matrix


def _group(sums: GroupSums, effects: Sequence[Effect]) -> dict[frozenset[str], GroupSums]:
    """Group sums of every effect and of every union of two, each from the smallest table that holds its columns."""
    wanted = {e.columns | f.columns for e in effects for f in effects}
    tables = {sums.columns: sums}
    for columns in sorted(wanted, key=lambda columns: (-len(columns), sorted(columns))):
        if columns not in tables:
            smallest = min((t for c, t in tables.items() if columns < c), key=lambda table: len(table.grouping))
            tables[columns] = smallest.by(columns)
    return tables


def _expected(grouped: dict[frozenset[str], GroupSums], e: Effect, f: Effect) -> FloatArray:
    """Coefficient of the component of f in the uncorrected sum of squares of e.

    Sum over g in e of (sum over h in f of n_gh^2) / n_g.
    """
    of_e = grouped[e.columns]
    if f.columns <= e.columns:
        return np.asarray(of_e.n.sum(axis=0))
    joint = grouped[e.columns | f.columns]
    if joint.n.max() <= 1:
        return np.asarray((of_e.n > 0).sum(axis=0), dtype=np.float64)
    _, _, add = joint.grouping.coarser(e.columns)
    return np.asarray(np.nansum(add(joint.n**2) / of_e.n, axis=0))

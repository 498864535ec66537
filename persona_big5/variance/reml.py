"""Variance components by restricted maximum likelihood, from group sums alone.

Counts of the groups of any two effects are their cross-products, so the mixed-model equations need nothing of the rows.
Effects whose levels lie within the levels of some columns (llm and persona, say) fall into one small block per such
level; the blocks are eliminated together, and only the effects that run across them are left as one dense system. The
deviance is profiled over the residual and the mean (Bates, Maechler, Bolker & Walker 2015, J. Stat. Softw. 67(1), sec.
3.4), its gradient is exact, and components stay at or above 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log, pi
from typing import TYPE_CHECKING

import numpy as np

from persona_big5.errors import NotEstimableError
from persona_big5.variance.design import RESIDUAL
from persona_big5.variance.groups import number_within
from persona_big5.variance.margins import Margins
from persona_big5.variance.moments import moment_equations

if TYPE_CHECKING:
    from collections.abc import Sequence

    from persona_big5.variance.design import Effect
    from persona_big5.variance.groups import FloatArray, IntArray
    from persona_big5.variance.sums import GroupSums

MOST_WORK = 2e10
"""Multiplications per step of the search up to which REML is tried: about a second."""
NO_VARIANCE = 1e-12
"""Share of the sum of squares that counts as none."""
SMALLEST, LARGEST = 1e-5, 1e3
"""Ratios to the residual standard deviation that count as 0, the boundary, and as no residual."""
FIRST_GUESS = 0.05
"""Share of the variance that a component starts from at least, so that none starts on the boundary."""


@dataclass(frozen=True, slots=True)
class Reml:
    """REML estimates.

    Attributes
    ----------
    components
        Variance by effect, ``residual`` last; 0 on the boundary.
    deviance
        -2 restricted log-likelihood, with all constants (as lme4's ``REMLcrit``).
    """

    components: dict[str, float]
    deviance: float


def reml(sums: GroupSums, effects: Sequence[Effect]) -> Reml:
    """Estimate variance components by REML: crossed and nested random effects around one mean.

    Parameters
    ----------
    sums
        Group sums of one item whose columns include those of all effects; a group's observations are replicates.
    effects
        Effects that are known to be told apart (``design.identified_effects``).

    Raises
    ------
    NotEstimableError
        Where the system is too large, saying how large; where no variance is left for the residual; and where the
        search does not converge.

    Notes
    -----
    Agrees with lme4's REML to a relative 2e-3, and its deviance to 1e-5, on balanced and unbalanced designs
    (tests/variance).
    """
    import scipy.optimize

    system = _System.of(sums, effects)
    if system.squares <= NO_VARIANCE * float(sums.squares.sum()):
        raise NotEstimableError("the scores do not vary: there is no variance to split")
    start = np.array([values[0] for values in moment_equations(sums, effects).solve().values()])
    start = np.where(np.isfinite(start), start, 0.0)
    start = np.maximum(start, FIRST_GUESS * max(float(np.abs(start).sum()), np.finfo(float).tiny))
    try:
        found = scipy.optimize.minimize(
            system.deviance,
            np.clip(np.sqrt(start[:-1] / start[-1]), SMALLEST, LARGEST),
            jac=True,
            method="L-BFGS-B",
            bounds=[(SMALLEST, LARGEST)] * len(effects),
            options={"ftol": 1e-14, "gtol": 1e-7, "maxiter": 500, "maxcor": 20},
        )
    except np.linalg.LinAlgError as error:
        raise NotEstimableError(f"too few observations for REML with {len(effects)} effects; use moments") from error
    if not found.success and np.abs(found.jac[found.x > SMALLEST]).max(initial=0) > 1e-2:
        raise NotEstimableError(f"the search for the REML estimates did not converge ({found.message}); use moments")
    ratios = np.where(found.x <= 10 * SMALLEST, 0.0, found.x**2)
    residual = system.residual(found.x)
    if found.x.max() >= LARGEST:
        raise NotEstimableError("no variance is left for the residual, which REML needs; use the method of moments")
    names = [effect.name for effect in effects]
    return Reml({**dict(zip(names, (ratios * residual).tolist(), strict=True)), RESIDUAL: residual}, float(found.fun))


@dataclass(frozen=True)
class _System:
    """Cross-products of the effects' indicators: B blocks of at most s levels, and r levels that run across them.

    Attributes
    ----------
    n, squares
        Number of observations, and their sum of squares about their mean.
    own
        Within blocks (B, s, s); rows and columns beyond a block's levels are 0.
    between
        Of a block's levels and the at most k levels across that it touches (B, s, k).
    touched
        Which those are (B, k); r where there are fewer than k.
    across
        Of the levels across, the mean first (r, r).
    own_sums, across_sums
        Sums of the observations by level, (B, s) and (r,).
    own_effect, across_effect
        Number of the effect of each level, (B, s) and (r,); that of the mean, and of nothing, is the number of effects.
    """

    n: float
    squares: float
    own: FloatArray
    between: FloatArray
    touched: IntArray
    across: FloatArray
    own_sums: FloatArray
    across_sums: FloatArray
    own_effect: IntArray
    across_effect: IntArray

    @classmethod
    def of(cls, sums: GroupSums, effects: Sequence[Effect]) -> _System:
        centred = sums.centred()
        margins = Margins(centred)
        margins.prepare({e.columns | f.columns for e in effects for f in effects})
        inside, block_columns = _cheapest_blocks(margins, effects)
        n_effects = len(effects)
        n_blocks = len(margins.by(block_columns).grouping)
        within, outside = [], []
        size = np.zeros(n_blocks, dtype=np.int64)
        place: dict[int, tuple[IntArray, IntArray]] = {}
        first = 1
        for i, effect in enumerate(effects):
            n_levels = len(margins.by(effect.columns).grouping)
            if i in inside:
                block = margins.codes(effect.columns, block_columns)
                place[i] = block, size[block] + number_within(block)
                size += np.bincount(block, minlength=n_blocks)
                within.append(i)
            else:
                place[i] = np.zeros(n_levels, dtype=np.int64), first + np.arange(n_levels)
                first += n_levels
                outside.append(i)
        own = np.zeros((n_blocks, int(size.max()), int(size.max())))
        own_sums = np.zeros(own.shape[:2])
        own_effect = np.full(own.shape[:2], n_effects)
        across = np.zeros((first, first))
        across_sums = np.zeros(first)
        across_effect = np.full(first, n_effects)
        pairs: list[tuple[IntArray, IntArray, IntArray, FloatArray]] = []
        total = margins.by(frozenset())
        across[0, 0] = total.n[0, 0]
        for i, e in enumerate(effects):
            table = margins.by(e.columns)
            block, row = place[i]
            n, observed = table.n[:, 0], table.totals[:, 0]
            if i in inside:
                own_sums[block, row], own_effect[block, row] = observed, i
                pairs.append((block, row, np.zeros_like(row), n))
            else:
                across_sums[row], across_effect[row] = observed, i
                across[0, row] = across[row, 0] = n
            for j, f in enumerate(effects):
                joint = e.columns | f.columns
                count = margins.by(joint).n[:, 0]
                of_e, of_f = margins.codes(joint, e.columns), margins.codes(joint, f.columns)
                if i in inside and j in inside:
                    own[block[of_e], row[of_e], place[j][1][of_f]] = count
                elif i in inside:
                    pairs.append((block[of_e], row[of_e], place[j][1][of_f], count))
                elif j not in inside:
                    across[row[of_e], place[j][1][of_f]] = count
        between, touched = _local(pairs, n_blocks, own.shape[1], first)
        return cls(
            float(total.n[0, 0]), float(total.squares[0, 0]), own, between, touched, across, own_sums, across_sums,
            own_effect, across_effect,
        )  # fmt: skip

    def deviance(self, ratios: FloatArray) -> tuple[float, FloatArray]:
        """-2 restricted log-likelihood and its gradient at the effects' SDs relative to the residual's (n_effects,)."""
        scale = np.append(ratios, 1.0)
        solved = self._solve(scale)
        weighted, n_effects = solved.weighted, len(ratios)
        value = solved.log_determinant + (self.n - 1) * (1 + log(2 * pi * weighted / (self.n - 1)))
        levels = np.bincount(self.own_effect.ravel(), minlength=n_effects + 1)
        levels = levels + np.bincount(self.across_effect, minlength=n_effects + 1)
        traces = np.bincount(self.own_effect.ravel(), solved.own_inverse.ravel(), n_effects + 1)
        traces += np.bincount(self.across_effect, solved.across_inverse, n_effects + 1)
        squares = np.bincount(self.own_effect.ravel(), (solved.own**2).ravel(), n_effects + 1)
        squares += np.bincount(self.across_effect, solved.across**2, n_effects + 1)
        gradient = (levels - traces - (self.n - 1) * squares / weighted)[:n_effects]
        return value, 2 * gradient / ratios

    def residual(self, ratios: FloatArray) -> float:
        """Residual variance at the effects' SDs relative to the residual's (n_effects,)."""
        return self._solve(np.append(ratios, 1.0)).weighted / (self.n - 1)

    def _solve(self, scale: FloatArray) -> _Solved:
        """Solve the mixed-model equations for effects in units of ``scale`` (n_effects + 1,), their SDs."""
        mean = len(scale) - 1
        own_scale = np.where(self.own_effect == mean, 0.0, scale[self.own_effect])
        across_scale = scale[self.across_effect]
        local = np.append(across_scale, 0.0)[self.touched]
        own = own_scale[:, :, None] * self.own * own_scale[:, None, :] + np.eye(self.own.shape[1])
        between = own_scale[:, :, None] * self.between * local[:, None, :]
        own_inverse = np.linalg.inv(own)
        carried = own_inverse @ between
        r = len(self.across)
        place = self.touched[:, :, None] * (r + 1) + self.touched[:, None, :]
        taken = between.swapaxes(1, 2) @ carried
        taken = np.bincount(place.ravel(), taken.ravel(), (r + 1) ** 2).reshape(r + 1, r + 1)[:r, :r]
        across = (
            across_scale[:, None] * self.across * across_scale + np.diag((self.across_effect != mean) * 1.0) - taken
        )
        lower = np.linalg.cholesky(across)
        across_inverse = np.linalg.inv(across)
        own_sums, across_sums = own_scale * self.own_sums, across_scale * self.across_sums
        own_part = np.einsum("bij,bj->bi", own_inverse, own_sums)
        right = np.einsum("bik,bi->bk", between, own_part)
        solution = across_inverse @ (across_sums - np.bincount(self.touched.ravel(), right.ravel(), r + 1)[:r])
        at_blocks = np.append(solution, 0.0)[self.touched]
        own_solution = own_part - np.einsum("bik,bk->bi", carried, at_blocks)
        explained = float((own_sums * own_solution).sum() + across_sums @ solution)
        padded = np.pad(across_inverse, (0, 1))
        inverse_at_blocks = padded[self.touched[:, :, None], self.touched[:, None, :]]
        return _Solved(
            log_determinant=float(np.linalg.slogdet(own)[1].sum() + 2 * np.log(np.diag(lower)).sum()),
            weighted=max(self.squares - explained, np.finfo(float).eps * self.squares),
            own=own_solution,
            across=solution,
            own_inverse=np.diagonal(own_inverse, axis1=1, axis2=2)
            + ((carried @ inverse_at_blocks) * carried).sum(axis=2),
            across_inverse=np.diag(across_inverse),
        )


@dataclass(frozen=True, slots=True)
class _Solved:
    """What the deviance needs of the solved equations.

    Attributes
    ----------
    log_determinant
        Of the equations' matrix.
    weighted
        Sum of squares about the mean, weighted by the inverse covariance, times the residual variance.
    own, across
        Predicted effects in units of their SD, (B, s) and (r,).
    own_inverse, across_inverse
        Diagonal of the inverse of the matrix, (B, s) and (r,).
    """

    log_determinant: float
    weighted: float
    own: FloatArray
    across: FloatArray
    own_inverse: FloatArray
    across_inverse: FloatArray


def _cheapest_blocks(margins: Margins, effects: Sequence[Effect]) -> tuple[set[int], frozenset[str]]:
    """Find the columns whose levels make the blocks, and the effects inside them.

    Raises
    ------
    NotEstimableError
        Where even the cheapest choice is too much work.
    """
    levels = [len(margins.by(effect.columns).grouping) for effect in effects]
    candidates = {e.columns & f.columns for e in effects for f in effects} - {frozenset()}
    best: tuple[float, set[int], frozenset[str], int] | None = None
    for columns in sorted(candidates, key=sorted):
        inside = {i for i, effect in enumerate(effects) if columns <= effect.columns}
        blocks = len(margins.by(columns).grouping)
        size = sum(levels[i] for i in inside) / blocks
        left = 1 + sum(n for i, n in enumerate(levels) if i not in inside)
        touched = 1 + sum(_touched(margins, columns, e.columns) for i, e in enumerate(effects) if i not in inside)
        work = blocks * (size + touched) ** 3 + left**3.0
        if best is None or work < best[0]:
            best = work, inside, columns, left
    if best is None or best[0] > MOST_WORK:
        left_over = "" if best is None else f" ({best[3]} levels remain in one dense system)"
        raise NotEstimableError(
            f"{sum(levels)} levels of {len(effects)} effects are too many for REML{left_over}; "
            "use the method of moments"
        )
    return best[1], best[2]


def _touched(margins: Margins, columns: frozenset[str], across: frozenset[str]) -> float:
    """Levels of ``across`` that a level of ``columns`` meets, on average."""
    return len(margins.by(columns | across).grouping) / len(margins.by(columns).grouping)


def _local(
    pairs: Sequence[tuple[IntArray, IntArray, IntArray, FloatArray]], n_blocks: int, size: int, n_across: int
) -> tuple[FloatArray, IntArray]:
    """Give the levels across that each block touches places of their own, and lay the counts out by them."""
    block, row, column, count = (np.concatenate(parts) for parts in zip(*pairs, strict=True))
    met, which = np.unique(block * n_across + column, return_inverse=True)
    of_block = met // n_across
    place = number_within(of_block)
    touched = np.full((n_blocks, int(place.max()) + 1), n_across)
    touched[of_block, place] = met % n_across
    between = np.zeros((n_blocks, size, touched.shape[1]))
    between[block, row, place[which]] = count
    return between, touched

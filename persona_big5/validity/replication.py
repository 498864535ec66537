"""Do the factors of one part of the data come back in another part: congruence beside what it would be by chance."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from math import comb
from typing import TYPE_CHECKING

import numpy as np

from persona_big5.errors import DataError, NotEstimableError
from persona_big5.factors.congruence import align, null_phi, paired_phi, turn_to
from persona_big5.factors.minres import minres
from persona_big5.factors.rotation import rotate

if TYPE_CHECKING:
    from numpy.typing import NDArray

NULL_DRAWS = 1000
"""Shuffles in all, at least, behind a percentile of the null."""
_NO_FACTOR = 1e-6  # sum of squared loadings


@dataclass(frozen=True, slots=True)
class Replication:
    """Congruence of the factors of pairs of parts.

    Attributes
    ----------
    phi
        Tucker's congruence by pair and factor, (n_pairs, k); a row of NaN where a part has fewer than k factors.
    null_phi_95
        95th percentile of the congruence with the items of one part shuffled, over all pairs and shuffles, (k,).
    """

    phi: NDArray[np.float64]
    null_phi_95: NDArray[np.float64]

    @property
    def n_compared(self) -> int:
        """Pairs of which both parts have all factors."""
        return int(np.isfinite(self.phi).all(axis=1).sum())

    @property
    def median(self) -> NDArray[np.float64]:
        """Median over the pairs that could be compared, (k,)."""
        return np.asarray(np.nanmedian(self.phi, axis=0))

    def quantile(self, q: float) -> NDArray[np.float64]:
        """Quantile over the pairs that could be compared, (k,)."""
        return np.asarray(np.nanquantile(self.phi, q, axis=0))

    @property
    def above_null(self) -> NDArray[np.bool_]:
        """Whether the median is above the null's 95th percentile, (k,)."""
        return np.asarray(self.median > self.null_phi_95)

    def __str__(self) -> str:
        pairs = zip(self.median, self.null_phi_95, strict=True)
        listed = " ".join(f"{phi:.3f} ({null:.3f})" for phi, null in pairs)
        return f"median congruence by factor (95th percentile by chance) of {self.n_compared} pairs: {listed}"


def halves(n: int, most: int, random: np.random.Generator) -> NDArray[np.bool_]:
    """Mark which of ``n`` levels are in the first half of each split, (splits, n): every split where there are few.

    The first half has n // 2 levels. All distinct splits where there are at most ``most``, else ``most`` random ones.
    """
    size = n // 2
    if comb(n, size) // (1 if n % 2 else 2) > most:
        return np.asarray(random.permuted(np.broadcast_to(np.arange(n) < size, (most, n)), axis=1))
    chosen = np.array(list(combinations(range(n), size)), dtype=np.int64)
    marks = np.zeros((len(chosen), n), dtype=bool)
    np.put_along_axis(marks, chosen, values=True, axis=1)
    return marks if n % 2 else marks[marks[:, 0]]  # of an even split and its mirror image, one


def replicate(
    first: NDArray[np.float64],
    second: NDArray[np.float64],
    pattern: NDArray[np.float64],
    factor_correlations: NDArray[np.float64],
    *,
    groups: NDArray[np.float64],
    seed: int,
) -> Replication:
    """Compare the factors of pairs of parts, both turned to one solution.

    Parameters
    ----------
    first, second
        Correlation matrices of the parts, (n_pairs, p, p), without NaN, positive definite or not.
    pattern, factor_correlations
        The solution whose factors are looked for: loadings (p, k), correlations (k, k).
    groups
        Items change places in the null only within a group (p,); see `null_phi`.
    seed
        Of the shuffles.

    Raises
    ------
    DataError
        When there is no pair, or items differ.
    NotEstimableError
        When k is not between 1 and p - 1, or in no pair both parts have k factors.

    Notes
    -----
    Minres without smoothing, k factors in every part. The percentile is of *one* congruence, so a median over many
    overlapping halves is compared with more than its own null asks for.
    """
    if not len(first) or first.shape != second.shape:
        raise DataError(f"parts of shape {first.shape} and {second.shape} are no pairs of matrices")
    k = pattern.shape[1]
    one, other = _unrotated(first, k), _unrotated(second, k)
    whole = _all_factors(one) & _all_factors(other)
    if not whole.any():
        raise NotEstimableError(f"the parts have fewer than {k} factors")
    found = _compare(one[whole], other[whole], pattern, factor_correlations, groups, np.random.default_rng(seed))
    phi = np.full((len(first), k), np.nan)
    phi[whole] = found.phi
    return Replication(phi, found.null_phi_95)


def replicate_left_out(
    rest: NDArray[np.float64],
    left_out: NDArray[np.float64],
    reported: NDArray[np.float64],
    *,
    groups: NDArray[np.float64],
    seed: int,
) -> list[Replication | str]:
    """Extract and rotate factors without a part, and look for them in that part; for many parts.

    Parameters
    ----------
    rest, left_out
        Correlation matrices (n, p, p) of everybody else and of each part, as in `replicate`.
    reported
        Loadings (p, k): the factors of the rest are put into their order and direction, and in no other way like them.
    groups, seed
        As in `replicate`.

    Returns
    -------
    One per part; the reason in words where the part or the rest has fewer than k factors.
    """
    k = reported.shape[1]
    found: list[Replication | str] = []
    of_rest, of_left_out = _unrotated(rest, k), _unrotated(left_out, k)
    random = np.random.default_rng(seed).spawn(len(rest))
    for i in range(len(rest)):
        if not _all_factors(of_left_out)[i]:
            found.append(f"fewer than {k} factors in this part")
            continue
        try:
            own = rotate(of_rest[i], "oblimin", random_starts=0)
        except NotEstimableError:
            found.append(f"fewer than {k} factors in the others")
            continue
        matched = align(own.loadings, reported)
        turn = np.eye(k)[matched.permutation] * matched.signs[:, None]
        correlations = turn @ own.factor_correlations @ turn.T
        one, other = of_rest[i : i + 1], of_left_out[i : i + 1]
        found.append(_compare(one, other, matched.loadings, correlations, groups, random[i]))
    return found


def _compare(
    one: NDArray[np.float64],
    other: NDArray[np.float64],
    pattern: NDArray[np.float64],
    factor_correlations: NDArray[np.float64],
    groups: NDArray[np.float64],
    random: np.random.Generator,
) -> Replication:
    """Compare unrotated loadings (n, p, k) of the one side and the other, turned to a pattern."""
    turned = turn_to(one, pattern, factor_correlations)
    permutations = -(-NULL_DRAWS // len(one))
    null = null_phi(
        turned, other, pattern, factor_correlations, groups=groups, permutations=permutations, random=random
    )
    phi = paired_phi(turned, turn_to(other, pattern, factor_correlations))
    return Replication(phi, np.percentile(null, 95, axis=(0, 1)))


def _unrotated(correlations: NDArray[np.float64], n_factors: int) -> NDArray[np.float64]:
    """Minres loadings of each matrix (n, p, k)."""
    return minres(correlations, n_factors).loadings


def _all_factors(loadings: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which of the solutions (n, p, k) have variance in every factor."""
    return np.asarray((loadings**2).sum(axis=1).min(axis=1) > _NO_FACTOR)

"""Are these the same factors? Tucker's congruence, matching of columns, Procrustes rotation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import linear_sum_assignment

from persona_big5.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Alignment:
    """Loadings with their columns in the order and direction of a target's.

    Attributes
    ----------
    loadings
        Shape (p, k): ``given[:, permutation] * signs``.
    permutation
        Column of the given loadings that stands in each place (k,).
    signs
        +1 or -1 by place (k,).
    phi
        Congruence of each column with the target's (k,); not negative; NaN where either column is all zeros.
    """

    loadings: NDArray[np.float64]
    permutation: NDArray[np.int64]
    signs: NDArray[np.float64]
    phi: NDArray[np.float64]

    def __str__(self) -> str:
        return "congruence by factor: " + " ".join(f"{phi:.3f}" for phi in self.phi)


def tucker_phi(A: NDArray[np.float64], B: NDArray[np.float64]) -> NDArray[np.float64]:
    """Tucker's congruence of every column of `A` with every column of `B`: their cosine (Tucker, 1951).

    Parameters
    ----------
    A, B
        Shapes (p, k) and (p, m), the same items in the same order, without NaN.

    Returns
    -------
    Shape (k, m), in [-1, 1]; NaN in the row or column of a column of zeros.

    Raises
    ------
    DataError
        When the numbers of items differ.

    Notes
    -----
    Agrees with R's ``psych::factor.congruence`` to 1e-8 (bfi, women against men).
    """
    A, B = _same_items(A, B)
    lengths = np.outer(np.linalg.norm(A, axis=0), np.linalg.norm(B, axis=0))
    phi: NDArray[np.float64] = np.clip(A.T @ B / np.where(lengths > 0, lengths, np.nan), -1.0, 1.0)
    return phi


def align(loadings: NDArray[np.float64], target: NDArray[np.float64]) -> Alignment:
    """Permute and reflect columns so that the sum of absolute congruences with the target's is largest.

    Parameters
    ----------
    loadings, target
        Both (p, k), the same items in the same order, without NaN.

    Raises
    ------
    DataError
        When the shapes differ.

    Notes
    -----
    The assignment is the best of all (Hungarian method), not greedy.
    """
    loadings, target = _same_shape(loadings, target)
    phi = tucker_phi(loadings, target)
    rows, columns = linear_sum_assignment(np.nan_to_num(np.abs(phi)), maximize=True)
    permutation = rows[np.argsort(columns)]
    matched = phi[permutation, np.arange(phi.shape[1])]
    signs = np.where(matched < 0, -1.0, 1.0)
    return Alignment(loadings[:, permutation] * signs, permutation, signs, np.abs(matched))


def paired_phi(A: NDArray[np.float64], B: NDArray[np.float64]) -> NDArray[np.float64]:
    """Tucker's congruence of each column of `A` with the same column of `B`, for any number of solutions at once.

    Parameters
    ----------
    A, B
        Shapes (..., p, k) that broadcast against each other, without NaN.

    Returns
    -------
    Shape (..., k), in [-1, 1]; NaN where either column is all zeros.
    """
    lengths = np.sqrt((A**2).sum(axis=-2) * (B**2).sum(axis=-2))
    phi: NDArray[np.float64] = np.clip((A * B).sum(axis=-2) / np.where(lengths > 0, lengths, np.nan), -1.0, 1.0)
    return phi


def turn_to(
    loadings: NDArray[np.float64], pattern: NDArray[np.float64], factor_correlations: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Turn unrotated loadings of many solutions into the factors of a given one, which may be oblique.

    Parameters
    ----------
    loadings
        Shape (..., p, k), of uncorrelated factors.
    pattern, factor_correlations
        The given solution, (p, k) and (k, k) positive definite.

    Returns
    -------
    Shape (..., p, k): patterns whose columns stand in the order and direction of the given one's.

    Raises
    ------
    DataError
        When items or numbers of factors differ.

    Notes
    -----
    Orthogonal Procrustes (Schoenemann, 1966) to the given solution in its uncorrelated form, then the given solution's
    own oblique transformation. An oblique Procrustes would take every column to its projection on the space of the
    loadings, the largest congruence there is; here the only freedom is an orthogonal turn of k dimensions. What that
    freedom is worth shows in `null_phi`.
    """
    loadings, pattern = np.asarray(loadings, dtype=np.float64), np.asarray(pattern, dtype=np.float64)
    if loadings.shape[-2:] != pattern.shape:
        raise DataError(
            f"loadings of {loadings.shape[-2]} items on {loadings.shape[-1]} factors cannot be turned to a solution of "
            f"{pattern.shape[0]} items and {pattern.shape[1]} factors"
        )
    root = np.linalg.cholesky(factor_correlations)
    left, _, right = np.linalg.svd(loadings.swapaxes(-1, -2) @ (pattern @ root))
    turned: NDArray[np.float64] = loadings @ (left @ right) @ np.linalg.inv(root)
    return turned


def null_phi(
    first: NDArray[np.float64],
    second: NDArray[np.float64],
    pattern: NDArray[np.float64],
    factor_correlations: NDArray[np.float64],
    *,
    groups: NDArray[np.float64],
    permutations: int,
    random: np.random.Generator,
) -> NDArray[np.float64]:
    """Congruence of one part's factors with another's whose items have changed places: what phi is by chance.

    Parameters
    ----------
    first
        Patterns already turned to the given solution, (n, p, k).
    second
        Unrotated loadings of the other parts, (n, p, k). Their rows are shuffled, then turned just as the real ones.
    pattern, factor_correlations
        The given solution (see `turn_to`).
    groups
        Items change places only within a group (p,): signs of the keys keep in the null what agreeing with everything
        does to both sides.
    permutations
        Shuffles of each of the n.
    random
        Source of the shuffles.

    Returns
    -------
    Shape (n, permutations, k).

    Notes
    -----
    The shuffled loadings keep sizes, signs, communalities and number of factors, so that whatever these and the turn
    bring about by themselves (all loadings of one sign, few items, many factors) is in the null.
    """
    order = shuffled_within(groups, len(second) * permutations, random).reshape(len(second), permutations, -1)
    shuffled = np.take_along_axis(second[:, None], order[..., None], axis=2)
    return paired_phi(first[:, None], turn_to(shuffled, pattern, factor_correlations))


def shuffled_within(groups: NDArray[Any], n: int, random: np.random.Generator) -> NDArray[np.int64]:
    """Draw ``n`` orders of the positions (n, p), each position staying within its group (p,)."""
    order = np.broadcast_to(np.arange(len(groups)), (n, len(groups))).copy()
    for group in np.unique(groups):
        members = np.flatnonzero(groups == group)
        order[:, members] = random.permuted(np.broadcast_to(members, (n, len(members))), axis=1)
    return order


def _same_items(A: NDArray[np.float64], B: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    A, B = np.asarray(A, dtype=np.float64), np.asarray(B, dtype=np.float64)
    if A.ndim != 2 or B.ndim != 2 or len(A) != len(B):
        raise DataError(f"loadings of shape {A.shape} and {B.shape} are not of the same items; give items x factors")
    return A, B


def _same_shape(A: NDArray[np.float64], B: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    A, B = _same_items(A, B)
    if A.shape != B.shape:
        raise DataError(f"{A.shape[1]} and {B.shape[1]} factors cannot be matched one to one; extract as many of both")
    return A, B

"""Agreeing whatever the item says, as a factor with known signs: how large it is, and what is left without it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from persona_big5.errors import DataError, NotEstimableError
from persona_big5.validity.reliability import check_keys

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_ROUNDING = 1e-9


def remove_acquiescence(
    covariance: NDArray[np.float64], keyed: NDArray[np.float64], scale: Sequence[str] | NDArray[np.object_]
) -> tuple[NDArray[np.float64], float]:
    """Take the known-signs method factor, +1 on every raw item, out of a covariance matrix.

    Parameters
    ----------
    covariance
        Shape (p, p) of items in raw direction, of any level: of a sample, or with noise removed and indefinite. Items
        in one unit. A correlation matrix can be given too: then each item is moved in proportion to its SD.
    keyed
        +1 or -1 by item (p,).
    scale
        Scale of each item (p,): one content factor is allowed for each, all of them correlated as they may.

    Returns
    -------
    after
        Shape (p, p), the covariance of x_i - a; unchanged where no acquiescence is found.
    share
        Its variance over the mean variance of the items: 0 where its estimate is not positive.

    Raises
    ------
    DataError
        When the arguments do not fit each other, or the matrix is not symmetric.
    NotEstimableError
        For undefined entries, items without any variance, and where items keyed both ways are too few: without any one
        item there must still be a scale with items of both directions.

    Notes
    -----
    Each answer is x_i = a + keyed_i * t_scale(i) + e_i. Least squares over the items of a respondent gives
    a = w'x, w the first row of (X'X)^-1 X' with X = [1, keyed in its scale's column]; content has no weight in it (Zw =
    0). Where all scales are balanced, w is 1/p and x - a is centring within respondents. Covariances of a with each
    item come from the rows of the matrix without its diagonal (the diagonal is replaced by its leave-one-out
    prediction), so that unique variance does not count as agreeing: c = C*w, v = w'c, after = C - c1' - 1c' + v.
    The covariance that a sample happens to show between agreeing and traits goes with it, which is what a factor too
    many is made of if only v 11' is taken off. Items of unequal loading leave (difference of the mean loadings of the
    two directions)^2 / 4 in v.

    Recovered: with SD .3 between 200 respondents the number of factors is k + 1 before and k after, without
    acquiescence k before and after, k = 1, 3, 5, balanced or 4 to 2 (tests/validity).
    """
    C = _checked(covariance)
    X = _design(np.asarray(keyed, dtype=np.float64), np.asarray(scale, dtype=object), len(C))
    projector = np.linalg.pinv(X)
    leverage = np.einsum("ij,ji->i", X, projector)
    if np.linalg.matrix_rank(X) < X.shape[1] or (leverage > 1 - _ROUNDING).any():
        raise NotEstimableError(
            "agreeing cannot be told from content: it takes a scale with at least two items in each direction, "
            "or two scales with items of both"
        )
    weights = projector[0]
    residual = np.diag(C) - np.einsum("ij,ji->i", C, projector.T @ X.T)
    with_agreement = C @ weights - residual / (1 - leverage) * weights
    variance = float(weights @ with_agreement)
    if variance <= _ROUNDING * float(np.trace(C)) / len(C):
        return C.copy(), 0.0
    after = C - with_agreement[:, None] - with_agreement[None, :] + variance
    return after, variance * len(C) / float(np.trace(C))


def _checked(covariance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a covariance matrix as floats if it is square, symmetric, defined and has variance."""
    C = np.asarray(covariance, dtype=np.float64)
    if C.ndim != 2 or C.shape[0] != C.shape[1]:
        raise DataError(f"a covariance matrix is square; this has shape {C.shape}")
    undefined = int((~np.isfinite(C).all(axis=1)).sum())
    if undefined:
        raise NotEstimableError(
            f"covariances are undefined for {undefined} of {len(C)} items: leave out items never answered together"
        )
    if not np.allclose(C, C.T, rtol=0, atol=1e-8 * max(float(np.abs(C).max(initial=0.0)), 1.0)):
        raise DataError("a covariance matrix is symmetric; this is not")
    if not np.trace(C) > 0:
        raise NotEstimableError("the items have no variance at this level")
    return C


def _design(keyed: NDArray[np.float64], scale: NDArray[np.object_], p: int) -> NDArray[np.float64]:
    """Agreeing and the content of each scale as seen by the items, (p, 1 + scales)."""
    check_keys(keyed.astype(np.int64), p)
    if scale.shape != (p,):
        raise DataError(f"{p} items need as many names of scales; got {scale.size}")
    members = scale[:, None] == np.array(list(dict.fromkeys(scale.tolist())), dtype=object)
    return np.column_stack([np.ones(p), np.where(members, keyed[:, None], 0.0)])

"""Agreeing whatever the item says, as a factor with known signs: how large it is, and what is left without it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import minimize

from persona_big5.errors import DataError, NotEstimableError
from persona_big5.factors.matrices import checked_scores
from persona_big5.validity.reliability import check_keys, mean_of_answered

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class AcquiescenceFactor:
    """A factor with loading +1 on every raw item, beside one content factor per scale.

    Attributes
    ----------
    variance
        In the squared unit of the items; below 0 by chance where there is none.
    share
        Of the mean variance of an item.
    loadings
        Standardised, by item (p,); 0 where the variance is not positive.
    content
        Loadings of the items on the content factor of their scale (p,), in the unit of the items, raw direction.
    srmr, srmr_without
        Standardised root mean square residual of covariances with the factor, and of the same model without it.
    converged
        Whether the searches with and without it arrived.
    """

    variance: float
    share: float
    loadings: NDArray[np.float64]
    content: NDArray[np.float64]
    srmr: float
    srmr_without: float
    converged: bool

    def __str__(self) -> str:
        return (
            f"acquiescence factor: variance {self.variance:.3f}, share {self.share:.3f}, mean loading "
            f"{self.loadings.mean():.2f}; SRMR {self.srmr:.3f} with it, {self.srmr_without:.3f} without"
        )


def acquiescence_factor(
    covariance: NDArray[np.float64], keyed: NDArray[np.float64], scale: Sequence[str] | NDArray[np.object_]
) -> AcquiescenceFactor:
    """Fit the random-intercept (known-signs method) factor by unweighted least squares.

    Parameters
    ----------
    covariance, keyed, scale
        As in `remove_acquiescence`.

    Raises
    ------
    DataError, NotEstimableError
        As in `remove_acquiescence`, and where fewer than two items vary.

    Notes
    -----
    c_ij = variance + l_i l_j phi_(scale of i, scale of j) for i other than j, with free loadings l and correlations phi
    of content factors, uncorrelated with the method factor (Billiet & McClendon, 2000; Maydeu-Olivares & Coffman,
    2006). Any covariance matrix will do, indefinite ones too, so there is no chi-square. Gives known models back to
    1e-5 (tests/validity).
    """
    C = _checked(covariance)
    if (varying := int((np.diag(C) > 0).sum())) < 2:
        raise NotEstimableError(f"agreeing shows in how items covary; {varying} of {len(C)} items vary at all")
    X = _design(np.asarray(keyed, dtype=np.float64), np.asarray(scale, dtype=object), len(C))
    _identified_leverage(X)
    own = np.abs(X[:, 1:]).argmax(axis=1)
    variance, content, misfit, arrived = _fit(C, X, own, style=True)
    _, _, misfit_without, arrived_without = _fit(C, X, own, style=False)
    variances = np.diag(C)
    known = variances > 0
    loadings = np.zeros(len(C))
    loadings[known] = np.sqrt(max(variance, 0.0) / variances[known])
    return AcquiescenceFactor(
        variance=variance,
        share=variance * len(C) / float(variances.sum()),
        loadings=loadings,
        content=content,
        srmr=_srmr(misfit, variances),
        srmr_without=_srmr(misfit_without, variances),
        converged=arrived and arrived_without,
    )


def centred_within(scores: NDArray[np.float64], keys: NDArray[np.int64]) -> NDArray[np.float64]:
    """Take from each answer what the respondent answers on average, whatever the item says (ipsatisation).

    Parameters
    ----------
    scores
        Shape (n respondents, p items), raw direction, one unit; NaN is a missing answer. Missing rule: the average is
        the mean of that over the items of either direction, so that what is missing does not unbalance it; respondents
        without answers in one direction are all NaN.
    keys
        Shape (p,), +1 or -1, as many of either.

    Raises
    ------
    DataError
        When scores and keys do not fit.
    NotEstimableError
        When the set is not balanced: there the average holds content, and taking it off makes unrelated scales
        correlate -1/(scales - 1), -.25 for five.
    """
    scores, keys = checked_scores(scores), np.asarray(keys)
    check_keys(keys, scores.shape[1])
    positive = keys > 0
    if positive.sum() * 2 != len(keys):
        raise NotEstimableError(
            f"centring within respondents needs as many items of either direction; there are {int(positive.sum())} and "
            f"{int((~positive).sum())}: the average would hold content, and unrelated scales would correlate negatively"
        )
    average = (mean_of_answered(scores[:, positive]) + mean_of_answered(scores[:, ~positive])) / 2
    return scores - average[:, None]


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
    projector, leverage = _identified_leverage(X)
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


def _identified_leverage(X: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(X'X)^-1 X' and the leverage of each item (p,); refused where agreeing rests on any one item."""
    projector: NDArray[np.float64] = np.linalg.pinv(X).astype(np.float64)
    leverage = np.einsum("ij,ji->i", X, projector)
    if np.linalg.matrix_rank(X) < X.shape[1] or (leverage > 1 - _ROUNDING).any():
        raise NotEstimableError(
            "agreeing cannot be told from content: it takes a scale with at least two items in each direction, "
            "or two scales with items of both"
        )
    return projector, leverage


def _fit(
    C: NDArray[np.float64], X: NDArray[np.float64], own: NDArray[np.int64], *, style: bool
) -> tuple[float, NDArray[np.float64], NDArray[np.float64], bool]:
    """Style variance, content loadings (p,), residual covariances (p, p; 0 on the diagonal), and whether it arrived."""
    p, k = len(C), X.shape[1] - 1
    unit = float(np.trace(C)) / p
    observed, off = C / unit, ~np.eye(p, dtype=bool)
    pairs = np.triu_indices(k, 1)
    keyed = X[np.arange(p), 1 + own]

    def misfit(parameters: NDArray[np.float64]) -> NDArray[np.float64]:
        loadings = parameters[1 : p + 1]
        implied = parameters[0] + np.outer(loadings, loadings) * phi_of(parameters)[np.ix_(own, own)]
        return np.where(off, implied - observed, 0.0)

    def phi_of(parameters: NDArray[np.float64]) -> NDArray[np.float64]:
        phi = np.eye(k)
        phi[pairs] = phi.T[pairs] = parameters[p + 1 :]
        return phi

    def objective(parameters: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        loadings, residual = parameters[1 : p + 1], misfit(parameters)
        by_scale = X[:, 1:] * keyed[:, None]  # 1 where an item is of a scale
        of_phi = 2 * by_scale.T @ (residual * np.outer(loadings, loadings)) @ by_scale
        slope = 2 * (residual * phi_of(parameters)[np.ix_(own, own)]) @ loadings
        return 0.5 * float((residual**2).sum()), np.r_[residual.sum() if style else 0.0, slope, of_phi[pairs]]

    start = np.r_[0.0, 0.5 * keyed, np.zeros(len(pairs[0]))]
    options = {"maxiter": 2000, "maxfun": 4000, "ftol": 1e-13, "gtol": 1e-7, "maxcor": 30}
    found = minimize(objective, start, jac=True, method="L-BFGS-B", options=options)
    arrived = bool(np.abs(found.jac).max() < 1e-4)
    return float(found.x[0] * unit), found.x[1 : p + 1] * np.sqrt(unit), misfit(found.x) * unit, arrived


def _srmr(residual: NDArray[np.float64], variances: NDArray[np.float64]) -> float:
    """Over pairs of items whose variances are positive."""
    known = np.flatnonzero(variances > 0)
    sd = np.sqrt(variances[known])
    standardised = residual[np.ix_(known, known)] / np.outer(sd, sd)
    return float(np.sqrt((standardised[np.triu_indices(len(known), 1)] ** 2).mean()))

"""Normal likelihood of groups of rows whose covariances and means are structured."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import coo_array, diags_array, eye_array
from scipy.sparse.linalg import splu

from persona_big5.errors import NotEstimableError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from persona_big5.factors.confirmatory.structure import Derivatives, FloatArray, IntArray, Structure

LOG_2PI = float(np.log(2 * np.pi))
_RIDGE = 1e-9  # of the information's diagonal, so that a step exists where it has no inverse
_MAX_EM_STEPS = 5000
_EM_TOLERANCE = 1e-9  # of the log-likelihood


@dataclass(frozen=True, slots=True)
class Moments:
    """All that a normal likelihood needs to know of rows, by block of rows.

    A block is a group, or those of its rows in which the same items were answered.

    Attributes
    ----------
    n
        Rows of each block (b,).
    group
        Position of the block's structure (b,).
    mean
        Shape (b, p), 0 where not answered.
    covariance
        Divided by n, shape (b, p, p), 0 where not answered.
    present
        Items answered in the block (b, p).
    """

    n: FloatArray
    group: IntArray
    mean: FloatArray
    covariance: FloatArray
    present: NDArray[np.bool_]

    @classmethod
    def of_groups(cls, scores: Sequence[FloatArray]) -> Moments:
        """Take rows (n, p) of each group, of which none has a missing answer."""
        return cls(
            n=np.array([float(len(rows)) for rows in scores]),
            group=np.arange(len(scores)),
            mean=np.array([rows.mean(axis=0) for rows in scores]),
            covariance=np.array([np.cov(rows.T, bias=True).reshape(rows.shape[1], -1) for rows in scores]),
            present=np.ones((len(scores), scores[0].shape[1]), dtype=bool),
        )

    @classmethod
    def of_patterns(cls, scores: FloatArray) -> Moments:
        """Sort the rows (N, p) of one group by which answers are missing; rows without any are left out."""
        scores = scores[np.isfinite(scores).any(axis=1)]
        present, which = np.unique(np.isfinite(scores), axis=0, return_inverse=True)
        n = np.bincount(which.ravel()).astype(float)
        order = np.argsort(which.ravel(), kind="stable")
        filled = np.nan_to_num(scores)[order]
        starts = np.concatenate([[0], np.cumsum(n.astype(np.int64))[:-1]])
        mean = np.add.reduceat(filled, starts, axis=0) / n[:, None]
        centred = (filled - np.repeat(mean, n.astype(np.int64), axis=0)) * np.repeat(
            present, n.astype(np.int64), axis=0
        )
        parts = np.split(centred, starts[1:])
        covariance = np.array([part.T @ part / len(part) for part in parts])
        return cls(n, np.zeros(len(n), dtype=np.int64), mean, covariance, present)

    def inverse(self, covariances: FloatArray) -> tuple[FloatArray, FloatArray] | None:
        """Invert each block's part of its group's matrix (groups, p, p); None where one is not positive definite.

        Returns the inverses (b, p, p), 0 for items that were not answered, and the logarithms of the determinants (b,).
        """
        both = self.present[:, :, None] & self.present[:, None, :]
        filled = np.where(both, covariances[self.group], np.eye(self.present.shape[1]))
        try:
            factors = np.linalg.cholesky(filled)
            inverses = np.linalg.inv(filled)
        except np.linalg.LinAlgError:
            return None
        logs = 2 * np.log(np.diagonal(factors, axis1=1, axis2=2)).sum(axis=1)
        return np.where(both, inverses, 0.0), logs

    def in_units(self, units: FloatArray) -> Moments:
        """Divide every item by its unit (p,)."""
        return replace(self, mean=self.mean / units, covariance=self.covariance / np.outer(units, units))

    def centred(self) -> Moments:
        """Put every mean at 0."""
        return replace(self, mean=np.zeros_like(self.mean))

    def about(self, means: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Deviation of the blocks' means from their groups' ``means`` (groups, p), and second moments about these."""
        deviation = np.where(self.present, self.mean - means[self.group], 0.0)
        return deviation, self.covariance + deviation[:, :, None] * deviation[:, None, :]


@dataclass(frozen=True)
class LikelihoodPoint:
    """Where a search stands: parameters and what the likelihood is there.

    Attributes
    ----------
    structures
        One for each group.
    moments
        Of the rows.
    parameters
        Shape (q,).
    value
        Minus the log-likelihood.
    inverse
        Inverse of the implied covariance of each block (b, p, p).
    """

    structures: tuple[Structure, ...]
    moments: Moments
    parameters: FloatArray
    value: float
    inverse: FloatArray

    @classmethod
    def at(cls, structures: tuple[Structure, ...], moments: Moments, parameters: FloatArray) -> LikelihoodPoint | None:
        """Evaluate; None where an implied covariance is not positive definite."""
        inverted = moments.inverse(np.array([structure.covariance(parameters) for structure in structures]))
        if inverted is None:
            return None
        inverse, logs = inverted
        _, about = moments.about(np.array([structure.mean(parameters) for structure in structures]))
        constants = moments.present.sum(axis=1) * LOG_2PI
        value = 0.5 * float(moments.n @ (constants + logs + (inverse * about).sum(axis=(1, 2))))
        return cls(structures, moments, parameters, value, inverse)

    @cached_property
    def derivatives(self) -> tuple[Derivatives, ...]:
        """Of each structure."""
        return tuple(structure.derivatives(self.parameters) for structure in self.structures)

    @cached_property
    def gradient(self) -> FloatArray:
        """Of ``value`` (q,)."""
        means = np.array([structure.mean(self.parameters) for structure in self.structures])
        deviation, about = self.moments.about(means)
        n, W = self.moments.n, self.inverse
        by_block = 0.5 * n[:, None, None] * (W - W @ about @ W)
        of_mean = -n[:, None] * (W @ deviation[:, :, None])[:, :, 0]
        gradient = np.zeros(len(self.parameters))
        for group, derivatives in enumerate(self.derivatives):
            members = self.moments.group == group
            np.add.at(
                gradient,
                derivatives.position,
                derivatives.times(by_block[members].sum(axis=0)) + derivatives.mean.T @ of_mean[members].sum(axis=0),
            )
        return gradient

    @cached_property
    def information(self) -> coo_array:
        """Fisher information (q, q): groups meet only in the parameters they share, so it is sparse.

        n/2 tr(W dSigma W dSigma') + n dmu' W dmu', where the trace of products of symmetric outer products comes down
        to products of p-vectors.
        """
        rows, columns, values = [], [], []
        for group, derivatives in enumerate(self.derivatives):
            left, right, mean, position = derivatives.left, derivatives.right, derivatives.mean, derivatives.position
            block = np.zeros((len(position), len(position)))
            for n, W in zip(
                *(part[self.moments.group == group] for part in (self.moments.n, self.inverse)), strict=True
            ):
                W_left, W_right = W @ left, W @ right
                crossed = left.T @ W_right
                block += n * ((left.T @ W_left) * (right.T @ W_right) + crossed * crossed.T + mean.T @ W @ mean)
            row, column = np.meshgrid(position, position, indexing="ij")
            rows.append(row.ravel())
            columns.append(column.ravel())
            values.append(block.ravel())
        q = len(self.parameters)
        return coo_array((np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))), shape=(q, q))

    @property
    def position(self) -> FloatArray:
        """The parameters."""
        return self.parameters

    def solve(self, right: FloatArray) -> FloatArray:
        """Multiply the inverse information with a vector (q,)."""
        scale = np.sqrt(self.information.diagonal())
        if not (np.isfinite(scale).all() and (scale > 0).all()):
            return np.full(len(scale), np.nan)
        scaled = diags_array(1 / scale) @ self.information @ diags_array(1 / scale) + _RIDGE * eye_array(len(scale))
        return np.asarray(splu(scaled.tocsc()).solve(right / scale) / scale)

    def moved_to(self, position: FloatArray) -> LikelihoodPoint | None:
        """Evaluate elsewhere; None where an implied covariance is not positive definite."""
        return LikelihoodPoint.at(self.structures, self.moments, position)


def saturated(moments: Moments) -> tuple[FloatArray, FloatArray, float]:
    """Means (groups, p), covariances (groups, p, p) and log-likelihood where nothing is structured.

    With missing answers (one group) by the EM algorithm, whose step is a step along the gradient scaled by Sigma on
    both sides (Dempster, Laird & Rubin, 1977).

    Raises
    ------
    NotEstimableError
        Where a covariance is not positive definite, or EM does not settle.
    """
    mean, covariance = moments.mean, moments.covariance
    if not moments.present.all():
        n, answered = moments.n, moments.n @ moments.present
        mean = (n @ moments.mean / answered)[None]
        deviation, about = moments.about(mean)
        covariance = np.diag(np.einsum("b,bii->i", n, about) / answered)[None]
    previous = np.inf
    for _ in range(_MAX_EM_STEPS):
        inverted = moments.inverse(covariance)
        if inverted is None:
            raise NotEstimableError(
                "the items' covariance matrix is not positive definite: more rows are needed, or fewer items"
            )
        W, logs = inverted
        deviation, about = moments.about(mean)
        constants = moments.present.sum(axis=1) * LOG_2PI
        value = 0.5 * float(moments.n @ (constants + logs + (W * about).sum(axis=(1, 2))))
        if moments.present.all() or previous - value < _EM_TOLERANCE:
            return mean, covariance, -value
        previous = value
        share = moments.n / moments.n.sum()
        shift = covariance[0] @ (share @ (W @ deviation[:, :, None])[:, :, 0])
        slope = np.tensordot(share, W @ about @ W - W, axes=1)
        mean = mean + shift
        covariance = covariance + covariance @ slope @ covariance - np.outer(shift, shift)
    raise NotEstimableError(f"means and covariances of incomplete rows did not settle in {_MAX_EM_STEPS} steps")


def uncorrelated(moments: Moments) -> float:
    """Log-likelihood where each item of each group has its own mean and variance, and items are uncorrelated."""
    log = 0.0
    for group in np.unique(moments.group):
        members = moments.group == group
        n, present = moments.n[members], moments.present[members]
        answered = n @ present
        mean = n @ moments.mean[members] / answered
        deviation = np.where(present, moments.mean[members] - mean, 0.0)
        squares = np.diagonal(moments.covariance[members], axis1=1, axis2=2) + deviation**2
        log -= 0.5 * float((answered * (LOG_2PI + np.log(n @ squares / answered) + 1)).sum())
    return log

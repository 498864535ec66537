"""A covariance matrix and means as functions of parameters, with their derivatives."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from persona_big5.errors import NotEstimableError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int64]

FIXED = -1
_UNIDENTIFIED = 1e-7  # smallest singular value of the derivatives, relative to the largest


@dataclass(frozen=True, slots=True)
class Entries:
    """An array whose entries are fixed numbers or parameters.

    Attributes
    ----------
    fixed
        Value of each entry that is no parameter.
    position
        Place of each entry among the parameters, ``FIXED`` where it is none; same shape. Entries that share a place
        are equal.
    """

    fixed: FloatArray
    position: IntArray

    def at(self, parameters: FloatArray) -> FloatArray:
        """Fill in the parameters."""
        return np.where(self.position == FIXED, self.fixed, parameters[self.position])

    def put(self, values: FloatArray, parameters: FloatArray) -> None:
        """Set the parameters to the ``values`` of their entries."""
        parameters[self.position[self.position != FIXED]] = values[self.position != FIXED]

    def symmetric(self) -> Entries:
        """Mirror what is below the diagonal."""
        return Entries(self.fixed, np.maximum(self.position, self.position.T))


def free(
    where: NDArray[np.bool_], names: list[str], name: Callable[..., str], fixed: FloatArray | None = None
) -> Entries:
    """Make a parameter of every entry marked in ``where``, named by ``name(*index)`` and appended to ``names``."""
    position = np.full(where.shape, FIXED, dtype=np.int64)
    position[where] = np.arange(len(names), len(names) + where.sum())
    names.extend(name(*index) for index in np.argwhere(where))
    return Entries(np.zeros(where.shape) if fixed is None else fixed, position)


def held(values: FloatArray) -> Entries:
    """Hold every entry fixed."""
    return Entries(values, np.full(values.shape, FIXED, dtype=np.int64))


@dataclass(frozen=True, slots=True)
class Derivatives:
    """Derivatives by the m parameters of one structure: every one of a covariance is a symmetric outer product.

    Attributes
    ----------
    position
        Places among all parameters (m,).
    left, right
        dSigma/dparameter = left right' + right left', columns of shape (p, m).
    mean
        dmu/dparameter, shape (p, m).
    """

    position: IntArray
    left: FloatArray
    right: FloatArray
    mean: FloatArray

    def of_variances(self) -> FloatArray:
        """Differentiate the diagonal of Sigma (p, m)."""
        return 2 * self.left * self.right

    def times(self, G: FloatArray) -> FloatArray:
        """Sum over the entries of a symmetric `G` (p, p) times dSigma/dparameter, by parameter (m,)."""
        return np.asarray(2 * (self.left * (G @ self.right)).sum(axis=0))


@dataclass(frozen=True, slots=True)
class Structure:
    """Sigma = Lambda Phi Lambda' + Theta with Theta diagonal, and mu = nu + Lambda kappa.

    Attributes
    ----------
    loadings
        Lambda (p, k).
    factor_covariances
        Phi (k, k), symmetric.
    residuals
        Diagonal of Theta (p,).
    intercepts
        nu (p,).
    factor_means
        kappa (k,).
    """

    loadings: Entries
    factor_covariances: Entries
    residuals: Entries
    intercepts: Entries
    factor_means: Entries

    def covariance(self, parameters: FloatArray) -> FloatArray:
        """Sigma (p, p)."""
        loadings = self.loadings.at(parameters)
        common = loadings @ self.factor_covariances.at(parameters) @ loadings.T
        return np.asarray(common + np.diag(self.residuals.at(parameters)))

    def mean(self, parameters: FloatArray) -> FloatArray:
        """Means mu (p,)."""
        return np.asarray(
            self.intercepts.at(parameters) + self.loadings.at(parameters) @ self.factor_means.at(parameters)
        )

    def with_means(self, names: list[str], items: Sequence[str]) -> Structure:
        """Let every item have its own mean, parameters appended to ``names``."""
        everywhere = np.ones(len(items), dtype=bool)
        return replace(self, intercepts=free(everywhere, names, lambda i: f"the intercept of {items[i]}"))

    def derivatives(self, parameters: FloatArray) -> Derivatives:
        """Differentiate Sigma and mu by the parameters that occur here."""
        loadings = self.loadings.at(parameters)
        factors = self.factor_covariances.at(parameters)
        means = self.factor_means.at(parameters)
        item, factor = np.nonzero(self.loadings.position != FIXED)
        row, column = np.nonzero(np.tril(self.factor_covariances.position + 1))
        residual = np.flatnonzero(self.residuals.position != FIXED)
        intercept = np.flatnonzero(self.intercepts.position != FIXED)
        mean = np.flatnonzero(self.factor_means.position != FIXED)
        position = np.concatenate(
            [
                self.loadings.position[item, factor],
                self.factor_covariances.position[row, column],
                self.residuals.position[residual],
                self.intercepts.position[intercept],
                self.factor_means.position[mean],
            ]
        )
        left, right, mu = np.zeros((3, len(loadings), len(position)))
        first, second, third, fourth = np.cumsum([len(item), len(row), len(residual), len(intercept)])
        of_loading, of_residual, of_intercept = np.arange(first), np.arange(second, third), np.arange(third, fourth)
        left[item, of_loading] = 1.0
        right[:, :first] = (loadings @ factors)[:, factor]
        mu[item, of_loading] = means[factor]
        left[:, first:second] = loadings[:, row] * np.where(row == column, 0.5, 1.0)
        right[:, first:second] = loadings[:, column]
        left[residual, of_residual] = 0.5
        right[residual, of_residual] = 1.0
        mu[intercept, of_intercept] = 1.0
        mu[:, fourth:] = loadings[:, mean]
        return Derivatives(position, left, right, mu)


def check_identified(structure: Structure, names: Sequence[str]) -> None:
    """Refuse a covariance structure whose parameters no data could tell apart.

    Raises
    ------
    NotEstimableError
        With more parameters than variances and covariances, or where the derivatives of Sigma are linearly dependent
        at a point drawn at random (Wald's rank rule), naming parameters that are not determined.
    """
    p = len(structure.residuals.fixed)
    point = np.random.default_rng(0).uniform(0.4, 0.8, len(names))
    structure.factor_covariances.put(np.where(np.eye(len(structure.factor_means.fixed)), 1.0, 0.2), point)
    derivatives = structure.derivatives(point)
    q = len(derivatives.position)
    moments = p * (p + 1) // 2
    if q > moments:
        raise NotEstimableError(
            f"{q} parameters for the {moments} variances and covariances of {p} items: the model is not identified; "
            "state fewer loadings"
        )
    lower = np.tril_indices(p)
    jacobian = derivatives.left[lower[0]] * derivatives.right[lower[1]]
    jacobian += derivatives.right[lower[0]] * derivatives.left[lower[1]]
    _, values, vectors = np.linalg.svd(jacobian / np.linalg.norm(jacobian, axis=0), full_matrices=False)
    undetermined = np.abs(vectors[values < _UNIDENTIFIED * values[0]]).max(axis=0, initial=0.0)
    if (undetermined > 0).any():
        named = [names[derivatives.position[i]] for i in np.argsort(-undetermined)[:3] if undetermined[i] > 1e-3]
        raise NotEstimableError(
            f"the model is not identified: nothing determines {' or '.join(named)}; a factor needs 3 items of its own, "
            "or 2 and a correlation with another factor"
        )

"""Estimates of one measurement: loadings, factor correlations, residual variances, and what is wrong with them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from persona_big5.factors.confirmatory.structure import FIXED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from persona_big5.factors.confirmatory.measurement import Measurement
    from persona_big5.factors.confirmatory.structure import Entries, FloatArray, Structure


@dataclass(frozen=True, slots=True)
class Estimates:
    """Estimates of a measurement, factors of variance 1, each pointing to where the sum of its loadings is positive.

    Attributes
    ----------
    items, factors
        Names of the p items and k factors.
    loadings, loadings_se
        In the items' units, shape (p, k); loadings that were not stated are 0 without error. Standard errors are None
        where the information matrix has no inverse.
    standardised, standardised_se
        Loadings of standardised items, the errors by the delta method; NaN for items whose variance is estimated as 0
        or negative, which the warnings name.
    factor_correlations, factor_correlations_se
        Shape (k, k).
    residual_variances
        Shape (p,).
    heywood
        Items with a negative residual variance.
    warnings
        What makes the solution improper, in words.
    """

    items: tuple[str, ...]
    factors: tuple[str, ...]
    loadings: FloatArray
    loadings_se: FloatArray | None
    standardised: FloatArray
    standardised_se: FloatArray | None
    factor_correlations: FloatArray
    factor_correlations_se: FloatArray | None
    residual_variances: FloatArray
    heywood: tuple[str, ...]
    warnings: tuple[str, ...]

    def __str__(self) -> str:
        width = max(len(item) for item in self.items)
        rows = [
            f"{item:<{width}}  " + " ".join(f"{value:6.2f}" if value else "     ." for value in row)
            for item, row in zip(self.items, self.standardised, strict=True)
        ]
        return "\n".join([" ".join(self.factors), *rows, *(f"warning: {warning}" for warning in self.warnings)])


def estimates(
    measurement: Measurement,
    structure: Structure,
    items: Sequence[str],
    parameters: FloatArray,
    errors: FloatArray | None,
    units: FloatArray,
) -> Estimates:
    """Read estimates and standard errors out of the ``parameters`` (q,), whose covariance matrix is ``errors``.

    ``units`` (p,): what the items were divided by before fitting.
    """
    loadings = structure.loadings.at(parameters)
    factors = structure.factor_covariances.at(parameters)
    residuals = structure.residuals.at(parameters)
    signs = np.where(loadings.sum(axis=0) < 0, -1.0, 1.0)
    variances = np.diag(structure.covariance(parameters))
    deviations = np.sqrt(np.where(variances > 0, variances, np.nan))
    loadings_se = _errors_of(structure.loadings, errors)
    heywood = tuple(item for item, variance in zip(items, residuals, strict=True) if variance < 0)
    warnings = []
    if heywood:
        warnings.append(f"Heywood case: negative residual variance of {', '.join(heywood)}")
    if not (variances > 0).all():
        none_left = [item for item, variance in zip(items, variances, strict=True) if variance <= 0]
        warnings.append(f"no variance left of {', '.join(none_left)}: no standardised loading")
    if len(factors) and np.linalg.eigvalsh(factors)[0] <= 0:
        warnings.append("the factor correlations are no correlation matrix: some factors cannot be told apart")
    if errors is None:
        warnings.append("no standard errors: the information matrix has no inverse, so the data leave parameters open")
    return Estimates(
        items=tuple(items),
        factors=measurement.factors,
        loadings=loadings * signs * units[:, None],
        loadings_se=None if loadings_se is None else loadings_se * units[:, None],
        standardised=loadings * signs / deviations[:, None],
        standardised_se=_standardised_errors(structure, parameters, deviations, errors),
        factor_correlations=factors * np.outer(signs, signs),
        factor_correlations_se=_errors_of(structure.factor_covariances, errors),
        residual_variances=residuals * units**2,
        heywood=heywood,
        warnings=tuple(warnings),
    )


def _errors_of(entries: Entries, errors: FloatArray | None) -> FloatArray | None:
    if errors is None:
        return None
    return np.where(entries.position == FIXED, 0.0, np.sqrt(np.diag(errors))[entries.position])


def _standardised_errors(
    structure: Structure, parameters: FloatArray, deviations: FloatArray, errors: FloatArray | None
) -> FloatArray | None:
    """Delta method: the standardised loading depends on the loading and on all parameters of the item's variance."""
    if errors is None:
        return None
    derivatives = structure.derivatives(parameters)
    variances = np.zeros((len(deviations), len(parameters)))
    variances[:, derivatives.position] = derivatives.of_variances()
    found = np.zeros(structure.loadings.position.shape)
    loadings = structure.loadings.at(parameters)
    item, factor = np.nonzero(structure.loadings.position != FIXED)
    slope = -variances[item] * (loadings[item, factor] / (2 * deviations[item] ** 3))[:, None]
    slope[np.arange(len(item)), structure.loadings.position[item, factor]] += 1 / deviations[item]
    found[item, factor] = np.sqrt(np.maximum(((slope @ errors) * slope).sum(axis=1), 0.0))
    return found

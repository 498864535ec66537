"""Confirmatory factor analysis of independent rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from persona_big5.errors import DataError, NotEstimableError
from persona_big5.factors.confirmatory.descent import curvature, descend, standard_errors
from persona_big5.factors.confirmatory.indices import Indices, Likelihood, indices, residual_srmr
from persona_big5.factors.confirmatory.likelihood import LikelihoodPoint, Moments, saturated, uncorrelated
from persona_big5.factors.confirmatory.solution import Estimates, estimates
from persona_big5.factors.confirmatory.structure import check_identified
from persona_big5.factors.matrices import checked_scores

if TYPE_CHECKING:
    from collections.abc import Sequence

    from persona_big5.factors.confirmatory.measurement import Measurement
    from persona_big5.factors.confirmatory.structure import FloatArray, Structure

NOT_CONVERGED = "the search did not converge: no maximum of the likelihood was found, and the numbers mean little"
_SINGULAR = 1e-10
_PART_OF_IT = 0.1  # weight of an item in a linear dependency that names it


@dataclass(frozen=True, slots=True)
class Confirmation:
    """A stated model, fitted.

    Attributes
    ----------
    estimates
        Loadings, factor correlations and residual variances.
    fit
        Of the model.
    n
        Rows used.
    converged
        Whether the likelihood's maximum was reached.
    warnings
        What a reader must know.
    """

    estimates: Estimates
    fit: Indices
    n: int
    converged: bool
    warnings: tuple[str, ...]

    def __str__(self) -> str:
        return "\n".join([str(self.fit), str(self.estimates)])


def confirm(
    scores: FloatArray,
    measurement: Measurement,
    *,
    items: Sequence[str],
    missing: Literal["listwise", "likelihood"] = "listwise",
) -> Confirmation:
    """Fit stated loadings by maximum likelihood.

    Parameters
    ----------
    scores
        Shape (N, number of columns), NaN missing. Columns that no factor names are left out.
    measurement
        Which items load on which factors.
    items
        Names of the columns.
    missing
        ``listwise``: rows with any missing answer are left out. ``likelihood``: every row counts with the items it
        has (full information; right where answers are missing at random, which refusals are not).

    Raises
    ------
    DataError
        Where the statement names unknown items.
    NotEstimableError
        Where the model is not identified, rows are no more than items, or the items' covariance is singular.

    Notes
    -----
    Standard errors from the expected information, with missing answers from the observed one. The likelihood is of a
    covariance matrix divided by N. chi2, all indices, loadings and standard errors agree with R's lavaan 0.6-14 to a
    relative 1e-5 on bfi, complete and incomplete rows.
    """
    if missing == "listwise":
        rows = complete_rows(scores, measurement, items)
        return _fit(measurement, Moments.of_groups([rows]), rows.std(axis=0), modelled_means=False)
    rows = _columns(scores, measurement, items)
    _check_incomplete(rows, measurement.items)
    return _fit(measurement, Moments.of_patterns(rows), np.nanstd(rows, axis=0), modelled_means=True)


def confirm_covariance(
    covariance: FloatArray, n: int, measurement: Measurement, *, items: Sequence[str]
) -> Confirmation:
    """Fit stated loadings to a sample covariance matrix.

    ``covariance`` (p, p) is divided by ``n``, the number of rows; ``items`` names its rows. Otherwise see `confirm`.
    """
    measurement.check(items)
    covariance = np.asarray(covariance, dtype=np.float64)
    if covariance.shape != (len(items), len(items)) or not np.isfinite(covariance).all():
        raise DataError(
            f"a covariance matrix of {len(items)} items, without gaps, is needed; this is {covariance.shape}"
        )
    kept = [list(items).index(item) for item in measurement.items]
    p = len(kept)
    _check_n(n, p)
    covariance = covariance[np.ix_(kept, kept)]
    check_definite(covariance, measurement.items)
    moments = Moments(
        n=np.array([float(n)]),
        group=np.zeros(1, dtype=np.int64),
        mean=np.zeros((1, p)),
        covariance=covariance[None],
        present=np.ones((1, p), dtype=bool),
    )
    return _fit(measurement, moments, np.sqrt(np.diag(covariance)), modelled_means=False)


def complete_rows(scores: FloatArray, measurement: Measurement, items: Sequence[str]) -> FloatArray:
    """Take the columns of stated items and the rows that have all of them, if that allows of a likelihood.

    Raises
    ------
    DataError, NotEstimableError
        See `confirm`.
    """
    rows = _columns(scores, measurement, items)
    rows = rows[np.isfinite(rows).all(axis=1)]
    _check_n(len(rows), len(measurement.items))
    check_definite(np.cov(rows.T, bias=True).reshape(rows.shape[1], -1), measurement.items)
    return rows


def _columns(scores: FloatArray, measurement: Measurement, items: Sequence[str]) -> FloatArray:
    scores = checked_scores(scores)
    if scores.shape[1] != len(items):
        raise DataError(f"{len(items)} item names for {scores.shape[1]} columns of scores; give one name per column")
    measurement.check(items)
    if not measurement.factors:
        raise DataError("no factor is stated: there is nothing to confirm")
    return scores[:, [list(items).index(item) for item in measurement.items]]


def _check_incomplete(rows: FloatArray, items: Sequence[str]) -> None:
    """Refuse items that are constant, or too seldom answered together, or rows that are too few."""
    answered = np.isfinite(rows)
    together = answered.T.astype(float) @ answered
    if (together <= len(items)).any():
        i, j = np.argwhere(together <= len(items))[0]
        raise NotEstimableError(
            f"{int(together[i, j])} rows have {items[i]} and {items[j]}: more rows than the {len(items)} items needed"
        )
    spread = np.nanmax(rows, axis=0) - np.nanmin(rows, axis=0)
    if (spread == 0).any():
        raise NotEstimableError(f"item {items[int(np.argmin(spread))]} is always answered alike: leave it out")


def _check_n(n: int, p: int) -> None:
    if n <= p:
        raise NotEstimableError(f"{n} complete rows for {p} items: maximum likelihood needs more rows than items")


def check_definite(
    covariance: FloatArray, items: Sequence[str], where: str = "", negligible: FloatArray | float = 0.0
) -> None:
    """Refuse a covariance (p, p) with variances that are ``negligible``, or that is not positive definite.

    Raises
    ------
    NotEstimableError
        Naming the items, and ``where``.
    """
    variances = np.diag(covariance)
    constant = [item for item, flat in zip(items, variances <= negligible, strict=True) if flat]
    if constant:
        raise NotEstimableError(f"{', '.join(constant[:5])}: no variance{where}; leave such items out")
    scale = np.sqrt(variances)
    values, vectors = np.linalg.eigh(covariance / np.outer(scale, scale))
    if values[0] < _SINGULAR:
        dependent = [item for item, part in zip(items, np.abs(vectors[:, 0]), strict=True) if part > _PART_OF_IT]
        raise NotEstimableError(f"{', '.join(dependent[:5])}: determine each other without error{where}; leave one out")


def _fit(measurement: Measurement, moments: Moments, units: FloatArray, *, modelled_means: bool) -> Confirmation:
    """Fit items divided by their ``units`` (p,).

    Means are parameters where answers are missing, and else reproduced exactly, counting for nothing.
    """
    moments = moments.in_units(units)
    items = measurement.items
    p = len(items)
    names: list[str] = []
    structure = measurement.structure(items, names)
    check_identified(structure, names)
    if modelled_means:
        structure = structure.with_means(names, items)
    else:
        moments = moments.centred()
    mean, covariance, log_saturated = saturated(moments)
    check_definite(covariance[0], items)
    parameters = np.zeros(len(names))
    measurement.start(structure, covariance[0], parameters)
    structure.intercepts.put(mean[0], parameters)
    start = LikelihoodPoint.at((structure,), moments, parameters)
    if start is None:
        raise NotEstimableError("the items' covariance matrix is singular: leave out items that repeat others")
    point, converged = descend(start)
    if modelled_means:
        information = curvature(lambda at: _gradient(structure, moments, at), point.parameters)
    else:
        information = point.information.toarray()
    found = estimates(measurement, structure, items, point.parameters, standard_errors(information), units)
    residual = mean[0] - structure.mean(point.parameters) if modelled_means else None
    n_means = p if modelled_means else 0
    n = int(moments.n.sum())
    fit = indices(
        Likelihood(-point.value, len(names)),
        Likelihood(log_saturated, p * (p + 1) // 2 + n_means),
        Likelihood(uncorrelated(moments), p + n_means),
        n=n,
        srmr=residual_srmr(covariance[0], structure.covariance(point.parameters), residual),
        log_units=float(moments.n @ moments.present @ np.log(units)),
    )
    return Confirmation(found, fit, n, converged, found.warnings if converged else (NOT_CONVERGED, *found.warnings))


def _gradient(structure: Structure, moments: Moments, parameters: FloatArray) -> FloatArray | None:
    point = LikelihoodPoint.at((structure,), moments, parameters)
    return None if point is None else point.gradient

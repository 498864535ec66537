"""Confirmatory factor analysis of rows nested in clusters, each level with loadings of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from persona_big5.errors import DataError, NotEstimableError
from persona_big5.factors.confirmatory.clusters import ClusterMoments, TwoLevelPoint
from persona_big5.factors.confirmatory.descent import curvature, descend, standard_errors
from persona_big5.factors.confirmatory.indices import Indices, Likelihood, correlation_srmr, indices
from persona_big5.factors.confirmatory.measurement import Measurement
from persona_big5.factors.confirmatory.one_level import NOT_CONVERGED, check_definite
from persona_big5.factors.confirmatory.solution import Estimates, estimates
from persona_big5.factors.confirmatory.structure import check_identified
from persona_big5.factors.matrices import checked_scores

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from persona_big5.factors.confirmatory.structure import FloatArray, IntArray, Structure

_LEAST_START = 0.05  # of the variance within clusters, to start the variance between them
_NEGLIGIBLE = 1e-10  # share of the sum of both levels' variances
_LEVELS = (" within clusters", " between clusters")


@dataclass(frozen=True, slots=True)
class Level:
    """One level of a two-level model.

    Attributes
    ----------
    estimates
        Loadings, factor correlations and residual variances at this level.
    fit
        Of this level alone, the other one saturated (Ryu & West, 2009); None where that did not converge.
    """

    estimates: Estimates
    fit: Indices | None


@dataclass(frozen=True, slots=True)
class TwoLevelConfirmation:
    """A stated two-level model, fitted.

    Attributes
    ----------
    within, between
        The levels.
    fit
        Of both levels together; its SRMR is the sum of the levels'.
    n_rows, n_clusters
        Used.
    cluster_sizes
        Smallest and largest.
    converged
        Whether the likelihood's maximum was reached.
    warnings
        What a reader must know.
    """

    within: Level
    between: Level
    fit: Indices
    n_rows: int
    n_clusters: int
    cluster_sizes: tuple[int, int]
    converged: bool
    warnings: tuple[str, ...]

    def __str__(self) -> str:
        lines = [f"both levels: {self.fit}"]
        for name, level in (("within", self.within), ("between", self.between)):
            lines += [f"{name}: {level.fit or 'did not converge'}", str(level.estimates)]
        return "\n".join(lines)


def confirm_two_level(
    scores: FloatArray,
    cluster: IntArray,
    *,
    within: Measurement,
    between: Measurement,
    items: Sequence[str],
    progress: Callable[[str], None] = lambda _: None,
) -> TwoLevelConfirmation:
    """Fit stated loadings at two levels at once by maximum likelihood.

    Parameters
    ----------
    scores
        Shape (N, number of columns), NaN missing: rows with a missing answer to a stated item are left out.
    cluster
        Number of each row's cluster (N,).
    within, between
        Which items load on which factors at each level. Items stated at either level are in both matrices.
    items
        Names of the columns.
    progress
        Called with a short sentence when a step begins.

    Raises
    ------
    DataError
        Where the statements name unknown items.
    NotEstimableError
        Where a level is not identified, has no more units than items, or a singular covariance; or where the saturated
        model has no maximum.

    Notes
    -----
    Full likelihood, clusters equally large or not, means not restricted (Muthen, 1994). Residual variances may become
    negative (said in the warnings), and the saturated covariance between clusters indefinite: with clusters of one size
    n it is exactly S_between - S_within / n, else the maximum near that. RMSEA and BIC count rows; at the level
    between, clusters. The baseline has uncorrelated items at both levels, or at the one that is judged. Standard errors
    from the observed information. Loadings and errors agree with R's lavaan 0.6-14 to 1e-4, chi2 to .002 at 20 items,
    to .03 at 40 (its saturated model stops early), the saturated log-likelihood with the exact one to 1e-5.
    """
    scores = checked_scores(scores)
    if len(cluster) != len(scores) or scores.shape[1] != len(items):
        raise DataError(
            f"{len(cluster)} clusters and {len(items)} item names for scores of shape {scores.shape}; "
            "give one cluster per row and one name per column"
        )
    for measurement in (within, between):
        measurement.check(items)
    stated = set(within.items) | set(between.items)
    if not stated:
        raise DataError("no factor is stated at either level: there is nothing to confirm")
    used = [i for i, item in enumerate(items) if item in stated]
    names = [items[i] for i in used]
    rows = scores[:, used]
    complete = np.isfinite(rows).all(axis=1)
    if complete.sum() <= len(names):
        raise NotEstimableError(
            f"{int(complete.sum())} of {len(rows)} rows are complete: too few for {len(names)} items"
        )
    moments = ClusterMoments.of(rows[complete], np.asarray(cluster)[complete])
    _check(moments, names)
    progress("two-level models without and with all covariances")
    free = _Model.fit(moments, names, None, None)
    if not free.converged:
        raise NotEstimableError(
            "the saturated two-level model has no maximum: too few clusters are of the largest size for so many items; "
            "use clusters of one size, or fewer items"
        )
    none = Measurement({})
    baseline = _Model.fit(moments, names, none, none, free)
    progress("stated loadings at both levels")
    model = _Model.fit(moments, names, within, between, free)
    srmr = model.srmr(free)
    both = None if srmr[0] is None or srmr[1] is None else srmr[0] + srmr[1]
    fit = indices(model.likelihood, free.likelihood, baseline.likelihood, n=moments.n_rows, srmr=both)
    errors = standard_errors(model.observed_information())
    levels, warnings = [], [] if model.converged else [NOT_CONVERGED]
    for level, measurement in enumerate((within, between)):
        progress(f"stated loadings{_LEVELS[level]} alone")
        structure = model.structures[level]
        assert structure is not None
        found = estimates(measurement, structure, names, model.point.parameters, errors)
        warnings += [f"{warning}{_LEVELS[level]}" for warning in found.warnings]
        levels.append(Level(found, _alone(moments, names, level, measurement, free)))
    sizes = moments.size[1:].astype(int)
    return TwoLevelConfirmation(
        within=levels[0],
        between=levels[1],
        fit=fit,
        n_rows=moments.n_rows,
        n_clusters=moments.n_clusters,
        cluster_sizes=(int(sizes.min()), int(sizes.max())),
        converged=model.converged,
        warnings=tuple(warnings),
    )


def _check(moments: ClusterMoments, items: Sequence[str]) -> None:
    """Refuse tables whose saturated model has no likelihood."""
    p = len(items)
    if moments.n_clusters <= p:
        raise NotEstimableError(
            f"{moments.n_clusters} clusters with complete rows for {p} items: "
            "two-level maximum likelihood needs more clusters than items"
        )
    if moments.weight[0] <= p:
        raise NotEstimableError(
            f"{moments.n_rows} complete rows in {moments.n_clusters} clusters: too few repeated rows for {p} items"
        )
    pooled_means = np.tensordot(moments.weight[1:], moments.covariance[1:], axes=1) / moments.n_clusters
    negligible = _NEGLIGIBLE * (np.diag(moments.covariance[0]) + np.diag(pooled_means))
    check_definite(moments.covariance[0], items, _LEVELS[0], negligible)
    check_definite(pooled_means, items, _LEVELS[1], negligible)


def _alone(
    moments: ClusterMoments, items: Sequence[str], level: int, measurement: Measurement, free: _Model
) -> Indices | None:
    """Fit of one level with the other one saturated; rows count within clusters, clusters between them."""

    def fit(stated: Measurement) -> _Model:
        within, between = (stated, None) if level == 0 else (None, stated)
        return _Model.fit(moments, items, within, between, free)

    model, baseline = fit(measurement), fit(Measurement({}))
    if not (model.converged and baseline.converged):
        return None
    return indices(
        model.likelihood,
        free.likelihood,
        baseline.likelihood,
        n=moments.n_rows if level == 0 else moments.n_clusters,
        srmr=model.srmr(free)[level],
        whole=False,
    )


@dataclass(frozen=True, slots=True)
class _Model:
    """A two-level model where its likelihood is largest."""

    structures: tuple[Structure | None, Structure | None]
    point: TwoLevelPoint
    converged: bool

    @classmethod
    def fit(
        cls,
        moments: ClusterMoments,
        items: Sequence[str],
        within: Measurement | None,
        between: Measurement | None,
        free: _Model | None = None,
    ) -> _Model:
        """Fit measurements, None a saturated level, starting from the ``free`` model's matrices, or from moments."""
        matrices = [moments.covariance[0], moments.between()] if free is None else list(free.point.sigma)
        names: list[str] = []
        measurements = within, between
        structures: list[Structure | None] = []
        for measurement, where in zip(measurements, _LEVELS, strict=True):
            structures.append(None if measurement is None else measurement.structure(items, names, where))
        parameters = np.zeros(len(names))
        for measurement, structure, matrix in zip(measurements, structures, matrices, strict=True):
            if measurement is not None and structure is not None:
                check_identified(structure, names)
                least = _LEAST_START * np.diag(matrices[0])
                measurement.start(structure, matrix + np.diag(np.maximum(least - np.diag(matrix), 0.0)), parameters)
        pair = structures[0], structures[1]
        start = TwoLevelPoint.at(pair, moments, parameters, matrices)
        if start is None:  # a saturated matrix between clusters that is too indefinite for larger clusters
            start = TwoLevelPoint.at(pair, moments, parameters, [matrices[0], _semidefinite(matrices[1])])
        assert start is not None
        point, converged, _ = descend(start)
        return cls(pair, point, converged)

    @property
    def likelihood(self) -> Likelihood:
        """Of this model; means count one parameter per item."""
        p = len(self.point.basis)
        saturated = sum(structure is None for structure in self.structures) * p * (p + 1) // 2
        return Likelihood(-self.point.value, len(self.point.parameters) + saturated + p)

    def srmr(self, free: _Model) -> list[float | None]:
        """SRMR of each level against the saturated matrices."""
        return [
            correlation_srmr(observed, implied)
            for observed, implied in zip(free.point.sigma, self.point.sigma, strict=True)
        ]

    def observed_information(self) -> FloatArray | None:
        """Of the parameters of two structured levels (q, q)."""

        def gradient(parameters: FloatArray) -> FloatArray | None:
            point = TwoLevelPoint.at(self.structures, self.point.moments, parameters, (None, None))
            return None if point is None else point.gradient

        return curvature(gradient, self.point.parameters)


def _semidefinite(matrix: FloatArray) -> FloatArray:
    values, vectors = np.linalg.eigh(matrix)
    return np.asarray((vectors * np.maximum(values, 0.0)) @ vectors.T)

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
from persona_big5.factors.confirmatory.one_level import check_definite
from persona_big5.factors.confirmatory.solution import Estimates, estimates
from persona_big5.factors.confirmatory.structure import check_identified
from persona_big5.factors.matrices import checked_scores
from persona_big5.factors.smoothing import positive_part

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from persona_big5.factors.confirmatory.structure import FloatArray, IntArray, Structure

_LEAST_START = 0.05  # of the variance within clusters, to start the variance between them
_NEGLIGIBLE = 1e-10  # share of the sum of both levels' variances
_NOT_CONVERGED = "the search for both levels together did not converge: each level is estimated on its own"
_LEVELS = (" within clusters", " between clusters")


@dataclass(frozen=True, slots=True)
class Level:
    """One level of a two-level model.

    Attributes
    ----------
    estimates
        Loadings, factor correlations and residual variances at this level; None where no search converged.
    fit
        Of this level alone, the other one saturated (Ryu & West, 2009); None where that did not converge.
    estimated_alone
        Whether the estimates too are of this level alone, because the model of both levels did not converge; their
        standard errors are then from the expected information.
    """

    estimates: Estimates | None
    fit: Indices | None
    estimated_alone: bool


@dataclass(frozen=True, slots=True)
class TwoLevelConfirmation:
    """A stated two-level model, fitted.

    Attributes
    ----------
    within, between
        The levels.
    fit
        Of both levels together; its SRMR is the sum of the levels'. None where the search did not converge.
    n_rows, n_clusters
        Used.
    cluster_sizes
        Smallest and largest.
    warnings
        What a reader must know.
    """

    within: Level
    between: Level
    fit: Indices | None
    n_rows: int
    n_clusters: int
    cluster_sizes: tuple[int, int]
    warnings: tuple[str, ...]

    def __str__(self) -> str:
        lines = [f"both levels: {self.fit or 'did not converge'}"]
        for name, level in (("within", self.within), ("between", self.between)):
            lines += [f"{name}: {level.fit or 'did not converge'}", str(level.estimates or "")]
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
    units = np.maximum(rows[complete].std(axis=0), np.finfo(float).tiny)
    moments = ClusterMoments.of(rows[complete] / units, np.asarray(cluster)[complete])
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
    both = _Model.fit(moments, names, within, between, free)
    fit = None
    if both.converged and baseline.converged:
        fit = indices(
            both.likelihood,
            free.likelihood,
            baseline.likelihood,
            n=moments.n_rows,
            srmr=_sum(both.srmr(free)),
            log_units=moments.n_rows * float(np.log(units).sum()),
        )
    errors = standard_errors(both.observed_information()) if both.converged else None
    levels, warnings = [], [] if both.converged else [_NOT_CONVERGED]
    for level, measurement in enumerate((within, between)):
        progress(f"stated loadings{_LEVELS[level]} alone")
        alone, alone_fit = _alone(moments, names, level, measurement, free)
        found = None
        if both.converged:
            found = both.estimates(level, measurement, names, errors, units)
        elif alone.converged:
            found = alone.estimates(level, measurement, names, standard_errors(alone.point.information), units)
        warnings += [f"{warning}{_LEVELS[level]}" for warning in (found.warnings if found else ())]
        levels.append(Level(found, alone_fit, estimated_alone=found is not None and not both.converged))
    sizes = moments.size[1:].astype(int)
    return TwoLevelConfirmation(
        within=levels[0],
        between=levels[1],
        fit=fit,
        n_rows=moments.n_rows,
        n_clusters=moments.n_clusters,
        cluster_sizes=(int(sizes.min()), int(sizes.max())),
        warnings=tuple(warnings),
    )


def _sum(parts: Sequence[float | None]) -> float | None:
    known = [part for part in parts if part is not None]
    return sum(known) if len(known) == len(parts) else None


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
) -> tuple[_Model, Indices | None]:
    """Fit one level with the other one saturated; rows count within clusters, clusters between them."""

    def stating(stated: Measurement) -> _Model:
        within, between = (stated, None) if level == 0 else (None, stated)
        return _Model.fit(moments, items, within, between, free)

    model, baseline = stating(measurement), stating(Measurement({}))
    if not (model.converged and baseline.converged):
        return model, None
    fit = indices(
        model.likelihood,
        free.likelihood,
        baseline.likelihood,
        n=moments.n_rows if level == 0 else moments.n_clusters,
        srmr=model.srmr(free)[level],
        whole=False,
    )
    return model, fit


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
            start = TwoLevelPoint.at(pair, moments, parameters, [matrices[0], positive_part(matrices[1])])
        assert start is not None
        point, converged = descend(start)
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

    def estimates(
        self,
        level: int,
        measurement: Measurement,
        items: Sequence[str],
        errors: FloatArray | None,
        units: FloatArray,
    ) -> Estimates:
        """Read out what was estimated at one of the structured levels."""
        structure = self.structures[level]
        assert structure is not None
        return estimates(measurement, structure, items, self.point.parameters, errors, units)

    def observed_information(self) -> FloatArray | None:
        """Of the parameters of two structured levels (q, q)."""

        def gradient(parameters: FloatArray) -> FloatArray | None:
            point = TwoLevelPoint.at(self.structures, self.point.moments, parameters, (None, None))
            return None if point is None else point.gradient

        return curvature(gradient, self.point.parameters)

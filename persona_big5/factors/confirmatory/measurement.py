"""What is stated before looking: which items each factor is measured by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from persona_big5.errors import DataError
from persona_big5.factors.confirmatory.structure import Structure, free, held

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from persona_big5.factors.confirmatory.structure import FloatArray


@dataclass(frozen=True, slots=True)
class Measurement:
    """Loadings that are free; all others are 0.

    Attributes
    ----------
    loadings
        Names of the items of each factor, by factor. An item may stand under several factors. No factors at all
        states that items are uncorrelated.
    correlated
        Whether factors may correlate, all or none.
    """

    loadings: Mapping[str, Sequence[str]]
    correlated: bool = True

    @property
    def factors(self) -> tuple[str, ...]:
        """Names of the k factors."""
        return tuple(self.loadings)

    @property
    def items(self) -> tuple[str, ...]:
        """Names of the items of any factor, each once."""
        return tuple(dict.fromkeys(item for items in self.loadings.values() for item in items))

    def pattern(self, items: Sequence[str]) -> FloatArray:
        """Shape (p, k): 1 where an item may load on a factor, else 0."""
        return np.array([[float(item in stated) for stated in self.loadings.values()] for item in items]).reshape(
            len(items), len(self.loadings)
        )

    def check(self, items: Collection[str]) -> None:
        """Raise DataError where the statement names items that are not among ``items``, none, or one twice."""
        if len(set(items)) < len(items):
            twice = sorted({item for item in items if list(items).count(item) > 1})
            raise DataError(f"item names occur twice: {', '.join(twice)}")
        for factor, stated in self.loadings.items():
            if unknown := [item for item in stated if item not in items]:
                raise DataError(f"factor {factor!r} names items that are not in the data: {', '.join(unknown[:5])}")
            if not stated or len(set(stated)) < len(stated):
                raise DataError(f"factor {factor!r} must name at least one item, and none twice")

    def structure(self, items: Sequence[str], names: list[str], level: str = "") -> Structure:
        """Lay the statement out over ``items``; factors have variance 1 and mean 0, item means are not modelled.

        Parameters
        ----------
        items
            Names of the p items, in the order of the data.
        names
            What the parameters so far are called; the new ones are appended, and their positions continue.
        level
            Put behind the names of parameters.
        """
        pattern = self.pattern(items) > 0
        k = len(self.factors)
        correlated = np.tri(k, k=-1, dtype=bool) & self.correlated
        return Structure(
            loadings=free(
                pattern,
                names,
                lambda i, j: f"the loading of {items[i]} on {self.factors[j]}{level}",
                np.zeros((len(items), k)),
            ),
            factor_covariances=free(
                correlated,
                names,
                lambda i, j: f"the correlation of {self.factors[j]} with {self.factors[i]}{level}",
                np.eye(k),
            ).symmetric(),
            residuals=free(
                np.ones(len(items), dtype=bool), names, lambda i: f"the residual variance of {items[i]}{level}"
            ),
            intercepts=held(np.zeros(len(items))),
            factor_means=held(np.zeros(k)),
        )

    def start(self, structure: Structure, covariance: FloatArray, parameters: FloatArray) -> None:
        """Put starting values for ``structure`` into ``parameters``.

        Each factor starts as the first principal component of its items in ``covariance`` (p, p); of uncorrelated
        factors, those with most items first, each after the ones before it are taken out.
        """
        variances = np.diag(covariance)
        left = covariance.copy()
        pattern = structure.loadings.position >= 0
        loadings = np.zeros(pattern.shape)
        for factor in np.argsort(-pattern.sum(axis=0), kind="stable"):
            members = np.flatnonzero(pattern[:, factor])
            values, vectors = np.linalg.eigh(left[np.ix_(members, members)])
            direction = vectors[:, -1] * np.where(vectors[:, -1].sum() < 0, -1.0, 1.0)
            loadings[members, factor] = direction * np.sqrt(max(values[-1], 0.0) * 0.7)
            if not self.correlated:
                left = left - np.outer(loadings[:, factor], loadings[:, factor])
        residuals = np.maximum(variances - (loadings**2).sum(axis=1), 0.3 * variances)
        for entries, values in (
            (structure.loadings, loadings),
            (structure.factor_covariances, np.eye(len(self.factors))),
            (structure.residuals, residuals),
        ):
            entries.put(values, parameters)

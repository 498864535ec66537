"""A general factor above correlated ones, and what is left to them: the Schmid-Leiman transformation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from persona_big5.errors import NotEstimableError
from persona_big5.factors.extraction import HEYWOOD
from persona_big5.factors.minres import minres

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from persona_big5.factors.extraction import FactorSolution
    from persona_big5.factors.rotation import FloatArray

FEWEST_FACTORS = 3
"""The one correlation of two factors does not say how much of it is whose."""


@dataclass(frozen=True, slots=True)
class SchmidLeiman:
    """A solution of correlated factors rewritten with uncorrelated ones: a general factor and k group factors.

    Attributes
    ----------
    items
        Names of the p items.
    general
        Loadings on the general factor (p,), of positive sum.
    group
        Loadings on what the general factor leaves to each of the others (p, k).
    second_order
        Loadings of the k factors on the general one (k,).
    general_share
        Sum of squared general loadings over the sum of all squared loadings (explained common variance).
    general_share_of_items
        Squared general loading over the solution's communality (p,); NaN for an item without common variance. With
        more than three factors their correlations are reproduced nearly only, and squared loadings of an item do not
        add up to its communality exactly.
    converged
        The factors' correlations could be factored.
    heywood
        Numbers of factors, from 1, that are nothing but the general one: such a solution is improper.
    """

    items: tuple[str, ...]
    general: FloatArray
    group: FloatArray
    second_order: FloatArray
    general_share: float
    general_share_of_items: FloatArray
    converged: bool
    heywood: tuple[int, ...]

    def __str__(self) -> str:
        width = max(len(item) for item in self.items)
        rows = [
            f"{item:<{width}}  {general:6.2f}  " + " ".join(f"{value:6.2f}" for value in row)
            for item, general, row in zip(self.items, self.general, self.group, strict=True)
        ]
        said = [] if self.converged else ["warning: the correlations of factors could not be factored"]
        if self.heywood:
            said.append(f"warning: nothing of its own left to factor {', '.join(map(str, self.heywood))}")
        return "\n".join([f"general factor: {self.general_share:.0%} of the common variance", *rows, *said])


class GeneralFactor(NamedTuple):
    """One factor of factor correlations, of any number of solutions at once.

    Attributes
    ----------
    of_items, of_factors
        Loadings of items (..., p) and of factors (..., k) on it; its direction is arbitrary.
    converged
        Whether the correlations could be factored (...).
    """

    of_items: FloatArray
    of_factors: FloatArray
    converged: NDArray[np.bool_]


def general_factor(pattern: FloatArray, factor_correlations: FloatArray) -> GeneralFactor:
    """Factor the correlations of factors once more (minres), and say how items load on that one factor.

    ``pattern`` (..., p, k) and ``factor_correlations`` (..., k, k), k >= 3, without NaN (not checked).
    """
    second = minres(factor_correlations, 1)
    of_items = pattern @ second.loadings
    return GeneralFactor(of_items[..., 0], second.loadings[..., 0], np.asarray(second.converged))


def schmid_leiman(solution: FactorSolution) -> SchmidLeiman:
    """Split the common variance of a solution into a general factor's and the group factors' own.

    Parameters
    ----------
    solution
        Of at least three correlated factors.

    Raises
    ------
    NotEstimableError
        With fewer than three factors, or with uncorrelated ones.

    Notes
    -----
    One factor of the factor correlations (minres) has loadings g; items then load L g on it and L sqrt(1 - g^2) on the
    rest (Schmid & Leiman, 1957). A factor that opposes the general one keeps its direction and has a negative g. Agrees
    with R's ``psych::schmid`` to 1e-3 (seen: 3e-4) on five data sets, Pearson and polychoric.
    """
    k = solution.n_factors
    if k < FEWEST_FACTORS:
        raise NotEstimableError(
            f"a general factor above {k} cannot be told from them: extract at least {FEWEST_FACTORS}, or look at one"
        )
    correlations = solution.factor_correlations
    if not np.abs(correlations - np.eye(k)).max() > np.sqrt(np.finfo(np.float64).eps):
        raise NotEstimableError("uncorrelated factors have no general factor above them; use an oblique rotation")
    general, loadings, converged = general_factor(solution.loadings, correlations)
    if general.sum() < 0:
        general, loadings = -general, -loadings
    group = solution.loadings * np.sqrt(np.maximum(1 - loadings**2, 0.0))
    squares = general**2
    common = solution.communalities
    shares = np.divide(squares, common, out=np.full(len(common), np.nan), where=common > 0)
    return SchmidLeiman(
        items=solution.items,
        general=general,
        group=group,
        second_order=loadings,
        general_share=float(squares.sum() / (squares.sum() + (group**2).sum())),
        general_share_of_items=shares,
        converged=bool(converged),
        heywood=tuple((np.flatnonzero(loadings**2 >= HEYWOOD) + 1).tolist()),
    )

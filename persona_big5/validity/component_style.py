"""What a component looks like in raw direction: agreeing with everything, the keys, or looking good."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from persona_big5.errors import DataError
from persona_big5.factors.congruence import tucker_phi
from persona_big5.validity.reliability import check_keys

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class ComponentStyle:
    """Congruence (Tucker's phi, absolute) of a component in raw direction with what style would make of it.

    Attributes
    ----------
    agreement
        With +1 on every item: agreeing whatever the item says.
    keys
        With the keys: all scales together in the direction of their names.
    desirability
        With how good it looks to agree; None where that is not known, or no item looks good or bad.
    """

    agreement: float
    keys: float
    desirability: float | None

    def __str__(self) -> str:
        good = "unknown" if self.desirability is None else f"{self.desirability:.2f}"
        return f"phi with agreeing {self.agreement:.2f}, with the keys {self.keys:.2f}, with desirability {good}"


def style_of_component(
    loadings: NDArray[np.float64], keyed: NDArray[np.float64], desirability: NDArray[np.float64] | None = None
) -> ComponentStyle:
    """Compare a component, or a factor, with agreeing, the keys and desirability.

    Parameters
    ----------
    loadings
        Shape (p,), raw direction, any sign, without NaN and not all 0.
    keyed
        +1 or -1 by item (p,).
    desirability
        How good agreeing with an item looks, about 0 for neutral (p,): signs, or ratings less the neutral one. NaN is
        unknown; such items are left out of this comparison.

    Raises
    ------
    DataError
        When the arguments do not fit each other, or all loadings are 0.

    Notes
    -----
    In the answers of 214 llms to 44 items the second component has phi .93 with agreeing, the first .86 with
    desirability (tests/validity).
    """
    loadings, keyed = np.asarray(loadings, dtype=np.float64), np.asarray(keyed)
    if loadings.ndim != 1 or not np.isfinite(loadings).all() or not loadings.any():
        raise DataError("give the loadings of one component by item, defined and not all 0")
    check_keys(keyed.astype(np.int64), len(loadings))
    good = None
    if desirability is not None:
        rated = np.asarray(desirability, dtype=np.float64)
        if rated.shape != loadings.shape:
            raise DataError(f"{len(loadings)} items need as many values of desirability; got {rated.size}")
        known = np.isfinite(rated)
        if rated[known].any() and loadings[known].any():
            good = _phi(loadings[known], rated[known])
    return ComponentStyle(_phi(loadings, np.ones(len(loadings))), _phi(loadings, keyed), good)


def _phi(loadings: NDArray[np.float64], target: NDArray[np.float64]) -> float:
    return float(abs(tucker_phi(loadings[:, None], np.asarray(target, dtype=np.float64)[:, None])[0, 0]))

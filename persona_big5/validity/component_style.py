"""What a component looks like in raw direction: agreeing with everything, or the content of the scales."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from persona_big5.errors import DataError
from persona_big5.factors.congruence import tucker_phi
from persona_big5.validity.reliability import check_keys

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class ComponentStyle:
    """Congruence (Tucker's phi, absolute) of a component in raw direction with what style and content make of it.

    Attributes
    ----------
    agreement
        With +1 on every item: agreeing whatever the item says.
    content
        With the keys, each scale pointing to where its own items load: all scales at once.
    """

    agreement: float
    content: float

    def __str__(self) -> str:
        return f"phi with agreeing {self.agreement:.2f}, with the content of the scales {self.content:.2f}"


def style_of_component(
    loadings: NDArray[np.float64], keyed: NDArray[np.float64], scale: Sequence[str] | NDArray[np.int64]
) -> ComponentStyle:
    """Compare a component, or a factor, with agreeing and with the keys.

    Parameters
    ----------
    loadings
        Shape (p,), raw direction, any sign, without NaN and not all 0.
    keyed
        +1 or -1 by item (p,).
    scale
        Scale of each item (p,).

    Raises
    ------
    DataError
        When the arguments do not fit each other, or all loadings are 0.

    Notes
    -----
    In the answers of 214 llms to 44 items the first component, which is good against bad, has phi .86 with content and
    the second .93 with agreeing (tests/validity).
    """
    loadings, keyed = np.asarray(loadings, dtype=np.float64), np.asarray(keyed)
    if loadings.ndim != 1 or not np.isfinite(loadings).all() or not loadings.any():
        raise DataError("give the loadings of one component by item, defined and not all 0")
    check_keys(keyed.astype(np.int64), len(loadings))
    if len(scale) != len(loadings):
        raise DataError(f"{len(loadings)} items need as many names of scales; got {len(scale)}")
    of_item = np.unique(scale, return_inverse=True)[1]
    points = np.bincount(of_item, weights=keyed * loadings)[of_item]
    targets = np.column_stack([np.ones(len(loadings)), np.where(points < 0, -keyed, keyed)])
    agreement, content = np.abs(tucker_phi(loadings[:, None], targets))[0]
    return ComponentStyle(float(agreement), float(content))

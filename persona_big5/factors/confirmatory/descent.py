"""Fisher scoring with damping: the way down every likelihood of this package."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, Self, TypeVar

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

_MAX_STEPS = 500
_MAX_DAMPING = 1e8
_TOLERANCE = 1e-9  # expected gain of the next step in log-likelihood


class Point(Protocol):
    """A point of a parameter space that knows its value and where scoring leads from it."""

    @property
    def value(self) -> float:
        """Minus the log-likelihood."""

    def step(self, damping: float) -> tuple[Self | None, float]:
        """Return the next point, None where the likelihood is not defined, and twice the gain expected of the step.

        The diagonal of the information is multiplied by 1 + ``damping``. Where it has no inverse the gain is infinite.
        """


P = TypeVar("P", bound=Point)


def descend(start: P) -> tuple[P, bool, int]:
    """Go down from ``start``; return where it ended, whether that is a minimum, and the steps taken."""
    point, damping, n_steps = start, 0.0, 0
    while n_steps < _MAX_STEPS and damping < _MAX_DAMPING:
        reached, gain = point.step(damping)
        if gain * (1 + damping) < _TOLERANCE:
            return point, True, n_steps
        if reached is None or reached.value > point.value + 1e-12 * abs(point.value):
            damping = max(4 * damping, 1e-3)
            continue
        point, n_steps = reached, n_steps + 1
        damping = damping / 10 if damping > 1e-4 else 0.0
    return point, False, n_steps


def damped_solve(information: FloatArray, gradient: FloatArray, damping: float) -> FloatArray | None:
    """Solve for the scoring step; None where the information is not positive definite."""
    damped = information + damping * np.diag(np.diag(information))
    try:
        solution: FloatArray = cho_solve(cho_factor(damped), -gradient)
    except LinAlgError:
        return None
    return solution if np.isfinite(solution).all() else None


def curvature(gradient: Callable[[FloatArray], FloatArray | None], at: FloatArray) -> FloatArray | None:
    """Observed information (q, q): central differences of an analytic gradient; None at an edge of its domain."""
    width = 1e-5 * np.maximum(1.0, np.abs(at))
    rows = []
    for i, step in enumerate(width):
        shift = np.zeros(len(at))
        shift[i] = step
        above, below = gradient(at + shift), gradient(at - shift)
        if above is None or below is None:
            return None
        rows.append((above - below) / (2 * step))
    second = np.array(rows)
    return np.asarray((second + second.T) / 2)


def standard_errors(information: FloatArray | None) -> FloatArray | None:
    """Covariance matrix of the estimates (q, q), the inverse information; None where it has none."""
    if information is None or not len(information):
        return None
    scale = np.sqrt(np.abs(np.diag(information)))
    scaled = information / np.outer(scale, scale) if (scale > 0).all() else information
    if np.linalg.eigvalsh(scaled)[0] < 1e-10:
        return None
    return np.asarray(np.linalg.inv(scaled) / np.outer(scale, scale))

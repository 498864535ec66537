"""The way down every likelihood of this package: Fisher scoring that learns the observed curvature on its way."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Protocol, Self, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

_MAX_STEPS = 200
_RIDGE = 1e-9  # of the information's diagonal, so that a step exists where it has no inverse
_REMEMBERED = 20
_TOLERANCE = 1e-9  # expected gain of the next step in log-likelihood
_ROUNDING = 1e-6  # the same, where rounding hides any further gain
_LEAST_LENGTH = 1e-6


class Point(Protocol):
    """A point of a parameter space that knows its value, its gradient and the Fisher information."""

    @property
    def value(self) -> float:
        """Minus the log-likelihood."""

    @property
    def position(self) -> FloatArray:
        """All that is searched for, as one vector."""

    @property
    def gradient(self) -> FloatArray:
        """Of ``value`` by ``position``."""

    def solve(self, right: FloatArray) -> FloatArray:
        """Multiply the inverse Fisher information with a vector."""

    def moved_to(self, position: FloatArray) -> Self | None:
        """Go elsewhere; None where the likelihood is not defined."""


P = TypeVar("P", bound=Point)


def descend(start: P) -> tuple[P, bool]:
    """Go down from ``start``; return where it ended, and whether that is a minimum.

    Limited-memory BFGS (Nocedal, 1980) whose first guess of the curvature is the Fisher information at each point: a
    scoring step to begin with, and fast where the model is wrong and the two curvatures differ.
    """
    with np.errstate(all="ignore"):  # a search that runs off meets infinities, and has not converged
        return _descend(start)


def _descend(point: P) -> tuple[P, bool]:
    memory: deque[tuple[FloatArray, FloatArray]] = deque(maxlen=_REMEMBERED)
    for _ in range(_MAX_STEPS):
        direction = -_newton(point, memory)
        gain = -float(point.gradient @ direction)
        if 0 <= gain < _TOLERANCE:
            return point, True
        reached = _along(point, direction, gain) if gain > 0 else None
        if reached is None and memory:
            memory.clear()
        elif reached is None:
            return point, 0 <= gain < _ROUNDING
        else:
            step, change = reached.position - point.position, reached.gradient - point.gradient
            if step @ change > 0:
                memory.append((step, change))
            point = reached
    return point, False


def solve_damped(information: FloatArray, right: FloatArray) -> FloatArray:
    """Multiply the inverse of an information matrix with a vector; NaN where there is none."""
    scale = np.sqrt(np.diag(information))
    damped = information / np.outer(scale, scale) + _RIDGE * np.eye(len(scale))
    try:
        return np.asarray(np.linalg.solve(damped, right / scale) / scale)
    except np.linalg.LinAlgError:
        return np.full(len(scale), np.nan)


def _newton(point: Point, memory: Iterable[tuple[FloatArray, FloatArray]]) -> FloatArray:
    """Inverse curvature times gradient, by the two loops over remembered steps and changes of the gradient."""
    left = point.gradient
    shares = []
    for step, change in reversed(list(memory)):
        share = (step @ left) / (step @ change)
        left = left - share * change
        shares.append(share)
    direction = point.solve(left)
    for (step, change), share in zip(memory, reversed(shares), strict=True):
        direction = direction + (share - (change @ direction) / (step @ change)) * step
    return direction


def _along(point: P, direction: FloatArray, gain: float) -> P | None:
    """Go the whole way or half of it, and so on, until the value falls as it should; None where it does not."""
    length = 1.0
    while length > _LEAST_LENGTH:
        reached = point.moved_to(point.position + length * direction)
        if reached is not None and reached.value < point.value - 1e-4 * length * gain:
            return reached
        length /= 2
    return None


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

"""Newton's method on uniquenesses within bounds, for many correlation matrices at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from persona_big5.errors import NotEstimableError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]
    BoolArray = NDArray[np.bool_]
    IntArray = NDArray[np.int64]

UNIQUENESS_BOUNDS = (0.005, 1.0)  # as in psych and factor_analyzer
POSITIVE = 1e-10
"""A matrix whose smallest eigenvalue is no larger counts as singular."""
_MAX_STEPS = 100
_TOLERANCE = 1e-7  # largest free element of the gradient
_SHORTEST = 1e-6  # of a step, as a part of Newton's


@dataclass(frozen=True, slots=True)
class Unrotated:
    """Unrotated solutions for one matrix, or for many: `...` stands for the leading axes of the matrices given.

    Attributes
    ----------
    loadings
        Shape (..., p, k), columns by descending sum of squares, each with a positive sum.
    uniquenesses
        Shape (..., p), within [0.005, 1].
    objective
        What was minimised, shape (...).
    converged
        The gradient vanishes, but for uniquenesses held at a bound, shape (...).
    n_steps
        Newton steps taken, shape (...).
    """

    loadings: FloatArray
    uniquenesses: FloatArray
    objective: FloatArray
    converged: BoolArray
    n_steps: IntArray

    def __str__(self) -> str:
        p, k = self.loadings.shape[-2:]
        head = f"{k} factors of {p} items"
        if self.converged.ndim:
            return f"{head}, {int(self.converged.sum())} of {self.converged.size} solutions converged"
        state = "converged" if self.converged else "NOT converged"
        return f"{head}, {state} in {self.n_steps} steps, objective {self.objective:.5f}"


@dataclass(slots=True)
class Point:
    """Where b searches stand: eigenvalues (b, p), ascending, their vectors, objective (b,), gradient (b, p)."""

    values: FloatArray
    vectors: FloatArray
    objective: FloatArray
    gradient: FloatArray

    def take(self, rows: BoolArray) -> Point:
        """Only the searches marked in ``rows`` (b,)."""
        return Point(self.values[rows], self.vectors[rows], self.objective[rows], self.gradient[rows])

    def put(self, rows: BoolArray, other: Point) -> None:
        """Move the searches marked in ``rows`` to where the others stand."""
        self.values[rows], self.vectors[rows] = other.values, other.vectors
        self.objective[rows], self.gradient[rows] = other.objective, other.gradient


class Problem(Protocol):
    """What is minimised over x (b, p), a function of the uniquenesses, for the matrices numbered ``rows`` (b,)."""

    def at(self, x: FloatArray, rows: IntArray) -> Point:
        """Evaluate objective and gradient."""

    def hessian(self, point: Point) -> FloatArray:
        """Second derivatives (b, p, p)."""

    def safe_hessian(self, point: Point) -> FloatArray:
        """Give a part of them that is positive definite, for where the whole is not."""


@dataclass(frozen=True, slots=True)
class Found:
    """Where B searches ended: x (B, p), the k largest eigenvalues (B, k) and their vectors (B, p, k), descending."""

    x: FloatArray
    values: FloatArray
    vectors: FloatArray
    objective: FloatArray
    converged: BoolArray
    n_steps: IntArray


def check_number(n_factors: int, p: int) -> None:
    """Raise NotEstimableError unless there are 1 to p - 1 factors."""
    if not 1 <= n_factors < p:
        raise NotEstimableError(f"{n_factors} factors of {p} items: ask for 1 to {p - 1}")


def unexplained(R: FloatArray) -> FloatArray:
    """1 - SMC, the variance of each item that the others leave over: (B, p), 0.5 for matrices (B, p, p) without it."""
    values, vectors = np.linalg.eigh(R)
    positive = values[:, :1] > POSITIVE
    inverse = (vectors**2 / np.where(positive, values, 1.0)[:, None, :]).sum(axis=2)
    return np.asarray(np.where(positive, 1 / inverse, 0.5))


def positive_sums(loadings: FloatArray) -> FloatArray:
    """Turn columns of loadings (..., p, k) to positive sums."""
    return np.asarray(loadings * np.where(loadings.sum(axis=-2, keepdims=True) < 0, -1.0, 1.0))


def minimise(problem: Problem, start: FloatArray, bounds: tuple[float, float], n_factors: int) -> Found:
    """Minimise a spectral function of many matrices from ``start`` (B, p), each until its gradient vanishes.

    Newton steps are cut at the bounds and halved until they descend (Armijo); coordinates that a bound holds are left
    out of the step. Matrices that have arrived leave the batch.
    """
    low, high = bounds
    n, p = start.shape
    found = Found(
        x=np.clip(start, low, high),
        values=np.empty((n, n_factors)),
        vectors=np.empty((n, p, n_factors)),
        objective=np.empty(n),
        converged=np.zeros(n, dtype=bool),
        n_steps=np.zeros(n, dtype=np.int64),
    )
    rows = np.arange(n)
    x = found.x.copy()
    point = problem.at(x, rows)
    for step in range(_MAX_STEPS + 1):
        held = (x <= low) & (point.gradient > 0) | (x >= high) & (point.gradient < 0)
        arrived = np.where(held, 0.0, np.abs(point.gradient)).max(axis=1) < _TOLERANCE
        stuck = np.full(len(rows), step == _MAX_STEPS)
        if not (arrived | stuck).all():
            going = ~(arrived | stuck)
            moved, stuck[going] = _step(problem, x[going], point.take(going), held[going], rows[going], bounds)
            x[going] = moved[0]
            point.put(going, moved[1])
        done = arrived | stuck
        if done.any():
            ended = rows[done]
            found.x[ended], found.objective[ended] = x[done], point.objective[done]
            found.values[ended] = point.values[done, -n_factors:][:, ::-1]
            found.vectors[ended] = point.vectors[done][:, :, -n_factors:][:, :, ::-1]
            found.converged[ended], found.n_steps[ended] = arrived[done], step
            rows, x, point = rows[~done], x[~done], point.take(~done)
        if not len(rows):
            break
    return found


def _step(
    problem: Problem, x: FloatArray, point: Point, held: BoolArray, rows: IntArray, bounds: tuple[float, float]
) -> tuple[tuple[FloatArray, Point], BoolArray]:
    """One step of every search; ``stuck`` marks those for which no length descends in double precision."""
    direction = _direction(problem, point, held)
    length = np.ones(len(x))
    moved = np.clip(x + direction, *bounds)
    reached = problem.at(moved, rows)
    while True:
        promised = 1e-4 * (point.gradient * (moved - x)).sum(axis=1)
        short = ~(reached.objective <= point.objective + promised)
        trying = short & (length > _SHORTEST)
        if not trying.any():
            break
        length[trying] /= 2
        moved[trying] = np.clip(x[trying] + length[trying, None] * direction[trying], *bounds)
        reached.put(trying, problem.at(moved[trying], rows[trying]))
    if short.any():
        moved[short] = x[short]
        reached.put(short, point.take(short))
    return (moved, reached), short


def _direction(problem: Problem, point: Point, held: BoolArray) -> FloatArray:
    """Newton's step in the coordinates that no bound holds; where the Hessian is indefinite, by its safe part."""
    hessian = _without(problem.hessian(point), held)
    try:
        np.linalg.cholesky(hessian)
    except np.linalg.LinAlgError:
        values = np.linalg.eigvalsh(hessian)
        indefinite = ~(values[:, 0] > POSITIVE * values[:, -1])
        hessian[indefinite] = _without(problem.safe_hessian(point.take(indefinite)), held[indefinite])
    gradient = np.where(held, 0.0, point.gradient)
    return np.asarray(-np.linalg.solve(hessian, gradient[:, :, None])[:, :, 0])


def _without(hessian: FloatArray, held: BoolArray) -> FloatArray:
    """Rows and columns of the identity for coordinates held at a bound."""
    p = hessian.shape[-1]
    free = ~held
    return np.asarray(np.where(free[:, :, None] & free[:, None, :], hessian, 0.0) + np.eye(p) * held[:, None, :])

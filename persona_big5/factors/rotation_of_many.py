"""Rotation of thousands of solutions at once, each from where a common target says that its factors lie."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from persona_big5.factors.rotation import fit_to, geomin, promax, quartimin, row_lengths, varimax

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from persona_big5.factors.rotation import Criterion, FloatArray, RotationMethod

_TOLERANCE = 1e-4  # Frobenius norm of the projected gradient: loadings within about 1e-3 of the optimum
_MAX_STEPS = 100
_MAX_HALVINGS = 20
_LEAST_CURVATURE = 1e-3
_FLAT = 1e-3  # determinant of axes of unit length: two of them correlate .9999995
_LEAST_RANK = 1e-6
"""Of the smallest singular value of loadings relative to the largest, below which they are not rotated."""


@dataclass(frozen=True, slots=True)
class Rotations:
    """B rotated solutions.

    Attributes
    ----------
    loadings
        Patterns (B, p, k), columns in the order and direction of the target's.
    factor_correlations
        Shape (B, k, k).
    converged
        Shape (B,). False where the gradient has not vanished after 100 steps, and, with NaN loadings, where factors
        have no loadings of their own.
    """

    loadings: FloatArray
    factor_correlations: FloatArray
    converged: NDArray[np.bool_]

    def __str__(self) -> str:
        return f"{int(self.converged.sum())} of {len(self.converged)} rotations converged"


def rotate_many(loadings: FloatArray, method: RotationMethod, target: FloatArray) -> Rotations:
    """Rotate each of many unrotated solutions by a criterion, from the rotation that takes it closest to a target.

    Parameters
    ----------
    loadings
        Shape (B, p, k), of uncorrelated factors, e.g. of resamples.
    method
        As in `rotate`; ``none`` and ``target`` take the closest rotation to the target as it is (orthogonal and oblique
        respectively).
    target
        Shape (p, k), e.g. the rotated loadings of the full sample.

    Notes
    -----
    Gradient projection (Jennrich, 2001, 2002), all solutions in step, to a projected gradient of 1e-4; with the target
    near an optimum this agrees with `rotate` to 1e-3 (geomin, flat about its optimum: 3e-3). One start: the optimum is
    the one next to the target.
    """
    n, _, k = loadings.shape
    sound = _has_rank(loadings)
    if k == 1:
        return Rotations(
            align_many(np.where(sound[:, None, None], loadings, np.nan), target), np.ones((n, 1, 1)), sound
        )
    rotated = np.full(loadings.shape, np.nan)
    correlations = np.full((n, k, k), np.nan)
    converged = np.zeros(n, dtype=bool)
    rotated[sound], correlations[sound], converged[sound] = _rotated(loadings[sound], method, target)
    return Rotations(rotated, correlations, converged)


def align_many(loadings: FloatArray, target: FloatArray) -> FloatArray:
    """Turn rotated solutions (B, p, k) orthogonally to the least squares fit to a target (p, k); NaN stays NaN.

    Permuting and reflecting columns alone leaves the rotation itself to vary: wider intervals. An oblique fit to the
    target (``psych::target.rot``) varies as much as this one where factors are well defined, but has no bound in a
    resample in which two of them nearly coincide.
    """
    known = np.isfinite(loadings).all(axis=(1, 2))
    aligned = np.full(loadings.shape, np.nan)
    aligned[known] = loadings[known] @ _nearest_orthogonal(loadings[known], target)
    return aligned


def _has_rank(loadings: FloatArray) -> NDArray[np.bool_]:
    if not len(loadings):
        return np.zeros(0, dtype=bool)
    squares = np.linalg.eigvalsh(loadings.swapaxes(1, 2) @ loadings)
    return np.asarray(squares[:, 0] > _LEAST_RANK**2 * np.maximum(squares[:, -1], _LEAST_RANK))


def _rotated(
    A: FloatArray, method: RotationMethod, target: FloatArray
) -> tuple[FloatArray, FloatArray, NDArray[np.bool_]]:
    if method == "target":
        return *fit_to(A, target), np.ones(len(A), dtype=bool)
    if method in ("oblimin", "quartimin", "geomin"):
        return _project(A, _nearest_oblique(A, target), geomin if method == "geomin" else quartimin, oblique=True)
    if method == "none":
        L, correlations = _rotate(A, _nearest_orthogonal(A, target), oblique=False)
        return L, correlations, np.ones(len(A), dtype=bool)
    length = row_lengths(A)
    L, correlations, converged = _project(
        A / length, _nearest_orthogonal(A / length, target / row_lengths(target)), varimax, oblique=False
    )
    if method == "promax":
        L, correlations = promax(L)
    return L * length, correlations, converged


def _nearest_oblique(A: FloatArray, target: FloatArray) -> FloatArray:
    """Axes T (B, k, k) of unit length such that A T'^-1 is proportional to the least squares fit to the target."""
    turned = A.swapaxes(1, 2)
    axes = np.linalg.inv(np.linalg.solve(turned @ A, turned @ target)).swapaxes(1, 2)
    return _unit(axes)


def _nearest_orthogonal(A: FloatArray, target: FloatArray) -> FloatArray:
    """Solve the orthogonal Procrustes problem (Schoenemann, 1966)."""
    left, _, right = np.linalg.svd(A.swapaxes(1, 2) @ target)
    return np.asarray(left @ right)


def _unit(T: FloatArray) -> FloatArray:
    return np.asarray(T / np.sqrt((T**2).sum(axis=1, keepdims=True)))


def _rotate(A: FloatArray, T: FloatArray, *, oblique: bool) -> tuple[FloatArray, FloatArray]:
    """Give loadings and factor correlations at the axes T."""
    if oblique:
        return A @ np.linalg.inv(T).swapaxes(1, 2), T.swapaxes(1, 2) @ T
    return A @ T, np.broadcast_to(np.eye(T.shape[1]), T.shape)


def _project(
    A: FloatArray, start: FloatArray, criterion: Criterion, *, oblique: bool
) -> tuple[FloatArray, FloatArray, NDArray[np.bool_]]:
    """Gradient projection of all solutions; steps are halved until they descend."""
    axes, arrived = start.copy(), np.zeros(len(A), dtype=bool)
    rows, T, length = np.arange(len(A)), start, np.ones(len(A))
    value, gradient = _at(A, T, criterion, oblique=oblique)
    for _ in range(_MAX_STEPS):
        squares = (gradient**2).sum(axis=(1, 2))
        done = squares < _TOLERANCE**2
        if done.any():
            arrived[rows[done]] = True
            rows, T, length, value = rows[~done], T[~done], length[~done], value[~done]
            gradient, squares = gradient[~done], squares[~done]
        if not len(rows):
            break
        moved = _back(T - length[:, None, None] * gradient, oblique=oblique)
        reached, slope = _at(A[rows], moved, criterion, oblique=oblique)
        for _ in range(_MAX_HALVINGS):
            far = ~(reached <= value - 0.5 * squares * length)
            if not far.any():
                break
            length[far] /= 2
            moved[far] = _back(T[far] - length[far, None, None] * gradient[far], oblique=oblique)
            reached[far], slope[far] = _at(A[rows[far]], moved[far], criterion, oblique=oblique)
        length = _next_length(moved - T, slope - gradient, length)
        T, value, gradient = moved, reached, slope
        axes[rows] = T
    return *_rotate(A, axes, oblique=oblique), arrived


def _next_length(change: FloatArray, bend: FloatArray, length: FloatArray) -> FloatArray:
    """Step lengths of Barzilai & Borwein (1988) by how the gradient changed; twice the last where it says nothing."""
    curvature = (change * bend).sum(axis=(1, 2))
    squares = (change**2).sum(axis=(1, 2))
    return np.asarray(np.divide(squares, curvature, out=2 * length, where=curvature > _LEAST_CURVATURE * squares))


def _at(A: FloatArray, T: FloatArray, criterion: Criterion, *, oblique: bool) -> tuple[FloatArray, FloatArray]:
    """Value of the criterion at the axes T, and its gradient projected on what keeps them of unit length, or square."""
    if oblique:
        flat = np.abs(np.linalg.det(T)) < _FLAT  # too long a step has made two axes one
        inverse = np.linalg.inv(np.where(flat[:, None, None], np.eye(T.shape[1]), T))
        L = A @ inverse.swapaxes(1, 2)
        value, slope = criterion(L)
        value = np.where(flat, np.inf, value)
        G = -(L.swapaxes(1, 2) @ slope @ inverse).swapaxes(1, 2)
        return value, G - T * (T * G).sum(axis=1, keepdims=True)
    value, slope = criterion(A @ T)
    G = A.swapaxes(1, 2) @ slope
    M = T.swapaxes(1, 2) @ G
    return value, G - T @ (M + M.swapaxes(1, 2)) / 2


def _back(X: FloatArray, *, oblique: bool) -> FloatArray:
    """Nearest axes of unit length, or nearest orthogonal ones."""
    if oblique:
        return _unit(X)
    left, _, right = np.linalg.svd(X)
    return np.asarray(left @ right)

"""Normal likelihood of rows nested in clusters: one covariance within clusters, another between them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import LinAlgError, eigh

from persona_big5.factors.confirmatory.descent import solve_damped
from persona_big5.factors.confirmatory.likelihood import LOG_2PI

if TYPE_CHECKING:
    from collections.abc import Sequence

    from persona_big5.factors.confirmatory.structure import FloatArray, IntArray, Structure


@dataclass(frozen=True, slots=True)
class ClusterMoments:
    """All that a two-level likelihood needs to know of rows (Muthen, 1994), by block.

    The first block is the deviations of rows from the means of their clusters, with covariance Sigma_within; every
    other one the means of clusters of one size n, with covariance Sigma_between + Sigma_within / n.

    Attributes
    ----------
    size
        n of each block (b,), 0 for the first.
    weight
        Rows less clusters, and then clusters of each size (b,).
    mean
        Mean of the cluster means (b, p), 0 for the first block.
    covariance
        Pooled within clusters; then of the cluster means, divided by the number of clusters, times n; (b, p, p).
    """

    size: FloatArray
    weight: FloatArray
    mean: FloatArray
    covariance: FloatArray

    @classmethod
    def of(cls, scores: FloatArray, cluster: IntArray) -> ClusterMoments:
        """Collect rows (N, p) without missing answers; ``cluster`` (N,) numbers their clusters in any way."""
        _, which, counts = np.unique(cluster, return_inverse=True, return_counts=True)
        order = np.argsort(which, kind="stable")
        means = np.add.reduceat(scores[order], np.cumsum(counts) - counts, axis=0) / counts[:, None]
        deviations = scores - means[which]
        n_within = len(scores) - len(counts)
        sizes = np.unique(counts)
        blocks = [(0.0, float(n_within), np.zeros(scores.shape[1]), deviations.T @ deviations / max(n_within, 1))]
        for size in sizes:
            of_size = means[counts == size]
            centred = of_size - of_size.mean(axis=0)
            covariance = size * centred.T @ centred / len(of_size)
            blocks.append((float(size), float(len(of_size)), of_size.mean(axis=0), covariance))
        return cls(*(np.array(part) for part in zip(*blocks, strict=True)))

    @property
    def n_clusters(self) -> int:
        """How many clusters there are."""
        return int(self.weight[1:].sum())

    @property
    def n_rows(self) -> int:
        """How many rows there are."""
        return int(self.weight.sum())

    def between(self) -> FloatArray:
        """Moment estimate of Sigma_between (p, p), positive definite or not; exact where clusters are equally large."""
        n, weight = self.size[1:], self.weight[1:]
        grand = (weight * n) @ self.mean[1:] / (weight @ n)
        deviation = self.mean[1:] - grand
        spread = n[:, None, None] * deviation[:, :, None] * deviation[:, None, :]
        squares = np.tensordot(weight, self.covariance[1:] + spread, axes=1)
        if len(n) == 1:
            return np.asarray((squares / weight.sum() - self.covariance[0]) / n[0])
        n0 = (weight @ n - (weight @ n**2) / (weight @ n)) / (weight.sum() - 1)
        return np.asarray((squares / (weight.sum() - 1) - self.covariance[0]) / n0)


@dataclass(frozen=True)
class TwoLevelPoint:
    """Where a search stands: parameters of the structured levels, matrices of the saturated ones.

    All is computed in the basis in which Sigma_within is the identity and Sigma_between diagonal, where the information
    on saturated matrices is diagonal too: they are eliminated entry by entry, whatever the number of items.

    Attributes
    ----------
    structures
        Of the levels within and between; None: saturated.
    moments
        Of the rows.
    parameters
        Of both structures (q,).
    sigma
        The two matrices (2, p, p).
    basis
        X with X' Sigma_within X = I and X' Sigma_between X diagonal.
    spread
        Variances of the blocks in that basis, 1 + n d (b, p).
    value
        Minus the log-likelihood, at the means that fit best.
    second
        Second moments of the blocks in that basis, about those means (b, p, p).
    """

    structures: tuple[Structure | None, Structure | None]
    moments: ClusterMoments
    parameters: FloatArray
    sigma: FloatArray
    basis: FloatArray
    spread: FloatArray
    value: float
    second: FloatArray

    @classmethod
    def at(
        cls,
        structures: tuple[Structure | None, Structure | None],
        moments: ClusterMoments,
        parameters: FloatArray,
        saturated: Sequence[FloatArray | None],
    ) -> TwoLevelPoint | None:
        """Evaluate; None where the likelihood is not defined. ``saturated``: the matrices of levels not structured."""
        sigma = np.array(
            [
                matrix if structure is None else structure.covariance(parameters)
                for structure, matrix in zip(structures, saturated, strict=True)
            ]
        )
        if not np.isfinite(sigma).all():
            return None
        try:
            values, basis = eigh(sigma[1], sigma[0])
        except LinAlgError:
            return None
        spread = 1 + moments.size[:, None] * values
        if not (spread > 0).all():
            return None
        size, weight = moments.size[:, None], moments.weight[:, None]
        means = moments.mean @ basis
        precision = weight * size / spread
        deviation = means - (precision * means).sum(axis=0) / precision.sum(axis=0)
        second = basis.T @ moments.covariance @ basis + size[:, :, None] * deviation[:, :, None] * deviation[:, None, :]
        log_within = -2 * float(np.linalg.slogdet(basis)[1])
        logs = log_within + np.log(spread).sum(axis=1)
        ratios = (np.diagonal(second, axis1=1, axis2=2) / spread).sum(axis=1)
        value = 0.5 * float(moments.weight @ (len(values) * LOG_2PI + logs + ratios))
        return cls(structures, moments, parameters, sigma, basis, spread, value, second)

    @cached_property
    def slopes(self) -> FloatArray:
        """Gradient of ``value`` by the entries of the two matrices, in the basis (2, p, p)."""
        inverse = 1 / self.spread
        by_block = -self.second * inverse[:, :, None] * inverse[:, None, :]
        diagonal = np.arange(len(self.basis))
        by_block[:, diagonal, diagonal] += inverse
        size = np.stack([np.ones_like(self.moments.size), self.moments.size])
        return np.asarray(0.5 * np.tensordot(size * self.moments.weight, by_block, axes=1))

    @property
    def position(self) -> FloatArray:
        """The parameters, and the entries of the saturated matrices."""
        free = [self.sigma[level].ravel() for level in (0, 1) if self.structures[level] is None]
        return np.concatenate([self.parameters, *free])

    @cached_property
    def gradient(self) -> FloatArray:
        """Of ``value`` by ``position``."""
        gradient = np.zeros(len(self.parameters))
        free = []
        for structure, slope in zip(self.structures, self.slopes, strict=True):
            matrix = self.basis @ slope @ self.basis.T
            if structure is None:
                free.append(matrix.ravel())
            else:
                derivatives = structure.derivatives(self.parameters)
                gradient[derivatives.position] += derivatives.times(matrix)
        return np.concatenate([gradient, *free])

    def moved_to(self, position: FloatArray) -> TwoLevelPoint | None:
        """Evaluate elsewhere; None where the likelihood is not defined."""
        q, p = len(self.parameters), len(self.basis)
        free = iter(position[q:].reshape(-1, p, p))
        matrices = [next(free) if structure is None else None for structure in self.structures]
        return TwoLevelPoint.at(self.structures, self.moments, position[:q], matrices)

    @cached_property
    def weights(self) -> FloatArray:
        """Information on the entries of the two matrices in the basis, times 2 (2, 2, p, p)."""
        inverse = 1 / self.spread
        products = inverse[:, :, None] * inverse[:, None, :]
        size, weight = self.moments.size, self.moments.weight
        powers = np.array([[weight, weight * size], [weight * size, weight * size**2]])
        return np.tensordot(powers, products, axes=1)

    @property
    def _eliminations(self) -> list[tuple[int, int]]:
        """Saturated levels and the level from whose equations each is eliminated; the last of two is from none."""
        saturated = [level for level in (0, 1) if self.structures[level] is None]
        structured = [level for level in (0, 1) if self.structures[level] is not None]
        return list(zip(saturated, [*saturated[1:], *structured], strict=False))

    @cached_property
    def _left(self) -> FloatArray:
        """Weights when saturated matrices are eliminated (2, 2, p, p)."""
        weights = self.weights.copy()
        for level, other in self._eliminations:
            weights[other, other] -= weights[other, level] / weights[level, level] * weights[level, other]
        return weights

    @cached_property
    def _moves(self) -> dict[int, FloatArray]:
        """Derivatives of the matrices of the structured levels in the basis, each (q, p * p)."""
        q, p = len(self.parameters), len(self.basis)
        moves = {}
        for level, structure in enumerate(self.structures):
            if structure is not None:
                derivatives = structure.derivatives(self.parameters)
                left, right = derivatives.left.T @ self.basis, derivatives.right.T @ self.basis
                outer = left[:, :, None] * right[:, None, :]
                moves[level] = np.zeros((q, p * p))
                moves[level][derivatives.position] = (outer + outer.transpose(0, 2, 1)).reshape(-1, p * p)
        return moves

    @cached_property
    def information(self) -> FloatArray:
        """Fisher information on the parameters (q, q), saturated matrices not being known."""
        information = np.zeros((len(self.parameters), len(self.parameters)))
        for level, moves in self._moves.items():
            for other, others in self._moves.items():
                information += 0.5 * (moves * self._left[level, other].ravel()) @ others.T
        return information

    def solve(self, right: FloatArray) -> FloatArray:
        """Multiply the inverse information with a vector, shaped like ``position``.

        The saturated matrices are eliminated, the structured levels solved for, and the former put back in.
        """
        q, p = len(self.parameters), len(self.basis)
        saturated = [level for level in (0, 1) if self.structures[level] is None]
        back = self.sigma[0] @ self.basis  # the inverse of the basis, transposed
        weights, wanted, moved = self._left, np.zeros((2, p, p)), np.zeros((2, p, p))
        wanted[saturated] = back.T @ right[q:].reshape(-1, p, p) @ back
        for level, other in self._eliminations:
            wanted[other] -= weights[other, level] / weights[level, level] * wanted[level]
        solved = np.zeros(q)
        if q:
            for level, moves in self._moves.items():
                solved += moves @ wanted[level].ravel()
            solved = solve_damped(self.information, right[:q] + solved)
            for level, moves in self._moves.items():
                moved[level] = (solved @ moves).reshape(p, p)
        for level in reversed(saturated):
            moved[level] = (2 * wanted[level] - weights[level, 1 - level] * moved[1 - level]) / weights[level, level]
        return np.concatenate([solved, (back @ moved[saturated] @ back.T).ravel()])

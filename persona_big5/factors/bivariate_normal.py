"""Probabilities of a table's cells under a bivariate normal distribution cut at thresholds, for many tables at once."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from persona_big5.factors.correlation_likelihood import LARGEST_CORRELATION
from persona_big5.factors.ordered_items import category_probabilities

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Nodes that keep the error of a cell below 1e-11 as long as no correlation is larger (measured for thresholds in
# [-3, 3] that lie together as close as 0; beyond them the error is smaller).
_NODES = ((0.3, 5), (0.5, 7), (0.7, 8), (0.9, 12), (0.97, 20), (0.99, 24), (0.999, 48), (LARGEST_CORRELATION, 96))


def cells(
    h: NDArray[np.float64], k: NDArray[np.float64], rho: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Cell probabilities of m tables and their first and second derivatives with respect to the correlation.

    Parameters
    ----------
    h, k
        Ascending finite thresholds of the rows (m, a) and of the columns (m, b) of each table.
    rho
        Correlation of each table (m,), at most .9999 in size.

    Returns
    -------
    Three arrays (m, a + 1, b + 1).

    Notes
    -----
    The distribution function is Phi(h) Phi(k) plus the integral of the density over the correlation from 0, by
    Gauss-Legendre in the arcsine of the correlation (Drezner & Wesolowsky, 1990; Genz, 2004). As many nodes are taken
    as the largest correlation needs: give tables of similar correlations together. Agrees with SciPy's
    ``multivariate_normal`` to 1e-8, that function's own accuracy, and to 1e-11 with a thousand nodes.
    """
    m, a, b = len(rho), h.shape[1], k.shape[1]
    nodes, weights = _legendre(float(np.abs(rho).max(initial=0.0)))
    angle = np.arcsin(rho)
    product = (h[:, :, None] * k[:, None, :]).reshape(m, 1, a * b)
    half_squares = (0.5 * (h**2)[:, :, None] + 0.5 * (k**2)[:, None, :]).reshape(m, 1, a * b)

    sines = np.sin(angle[:, None] * nodes)
    precision = 1.0 / (1.0 - sines**2)
    integrand = product * (sines * precision)[:, :, None]
    integrand -= half_squares * precision[:, :, None]
    np.exp(integrand, out=integrand)
    beyond_independence = (weights @ integrand) * (angle / (2 * np.pi))[:, None]

    at = rho[:, None]
    precision = 1.0 / (1.0 - at**2)
    exponent = (product[:, 0] * at - half_squares[:, 0]) * precision
    density = np.exp(exponent) * (np.sqrt(precision) / (2 * np.pi))
    slope = density * ((at + product[:, 0] + 2 * at * exponent) * precision)

    probability = _of_rectangles(beyond_independence.reshape(m, a, b))
    probability += category_probabilities(h)[:, :, None] * category_probabilities(k)[:, None, :]
    return probability, _of_rectangles(density.reshape(m, a, b)), _of_rectangles(slope.reshape(m, a, b))


def _of_rectangles(at_corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """Differences over both axes of a function that vanishes on the outer border: (m, a, b) to (m, a + 1, b + 1)."""
    m, a, b = at_corners.shape
    padded = np.zeros((m, a + 2, b + 2))
    padded[:, 1:-1, 1:-1] = at_corners
    rows = padded[:, 1:] - padded[:, :-1]
    difference: NDArray[np.float64] = rows[:, :, 1:] - rows[:, :, :-1]
    return difference


def _legendre(largest: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return _legendre_of_order(next((order for bound, order in _NODES if largest <= bound), _NODES[-1][1]))


@cache
def _legendre_of_order(order: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Nodes and weights on [0, 1]."""
    nodes, weights = np.polynomial.legendre.leggauss(order)
    return (nodes + 1) / 2, weights / 2

"""Likelihoods that depend on one correlation each, maximised for many at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

LARGEST_CORRELATION = 0.9999
_LIMIT = float(np.arctanh(LARGEST_CORRELATION))
_BORDER = 1e-3  # in Fisher's z; the likelihood still rises where the search must end
_LEVEL = 1e-100  # derivatives vanish like exp(-1 / (1 - rho^2)) where a likelihood rises towards the border
_STEP = 1e-6  # in Fisher's z; Newton's method squares it once more


def most_likely_correlations(
    derivatives: Callable[[NDArray[np.float64], NDArray[np.int64]], tuple[NDArray[np.float64], NDArray[np.float64]]],
    start: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Maximise m log-likelihoods by Newton's steps, each inside a bracket that slopes narrow, else its middle.

    Parameters
    ----------
    derivatives
        Takes correlations (a,) and which of the m likelihoods they belong to (a,); gives first and second derivatives
        of the log-likelihoods with respect to the correlation.
    start
        Shape (m,), inside (-.9999, .9999).

    Returns
    -------
    Shape (m,). 1 or -1 where the likelihood still rises, or is level, at .9999 in size: its maximum is at the border.

    Notes
    -----
    Steps are taken in Fisher's z, in which log-likelihoods of correlations are nearly quadratic at any correlation.
    """
    z = np.arctanh(start)
    low, high = np.full(len(z), -_LIMIT), np.full(len(z), _LIMIT)
    previous = np.full(len(z), np.inf)
    active = np.arange(len(z))
    while len(active):  # ends: bisections halve the bracket, steps between them halve each other
        at = z[active]
        rho = np.tanh(at)
        slope, curvature = derivatives(rho, active)
        jacobian = 1.0 - rho**2
        slope, curvature = slope * jacobian, curvature * jacobian**2 - 2 * rho * jacobian * slope
        slope = np.where((np.abs(slope) < _LEVEL) & (np.abs(curvature) < _LEVEL), np.sign(at), slope)
        low[active] = np.where(slope >= 0, at, low[active])
        high[active] = np.where(slope <= 0, at, high[active])
        bends = curvature < -_LEVEL
        step = -slope / np.where(bends, curvature, -np.inf)
        inside = (at + step >= low[active]) & (at + step <= high[active])
        newton = bends & inside & (2 * np.abs(step) <= previous[active])
        step = np.where(newton, step, (low[active] + high[active]) / 2 - at)
        z[active] = at + step
        previous[active] = np.abs(step)
        active = active[np.abs(step) > _STEP]
    return np.where(np.abs(z) > _LIMIT - _BORDER, np.sign(z), np.tanh(z))

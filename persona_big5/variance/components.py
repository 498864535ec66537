"""One variance component with its interval and its share, and tables of them that print themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from persona_big5.variance.jackknife import Replicates, interval

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from persona_big5.variance.groups import FloatArray


@dataclass(frozen=True, slots=True)
class Component:
    """A variance component with its interval and its share of the sum of all components.

    Attributes
    ----------
    estimate
        ``estimate_raw``, or 0 where that is negative.
    estimate_raw
        The solution of the moment equations, which may be negative.
    ci_low, ci_high
        Ends of the 95 % interval, not below 0; NaN where none could be had.
    share
        Estimate / sum of the estimates; NaN where all are 0.
    share_ci_low, share_ci_high
        Ends of the 95 % interval of the share, within 0 and 1; NaN where none could be had.
    ci_low_raw, ci_high_raw
        The interval's ends before truncation at 0: by these its coverage is judged.
    """

    estimate: float
    estimate_raw: float
    ci_low: float
    ci_high: float
    share: float
    share_ci_low: float
    share_ci_high: float
    ci_low_raw: float
    ci_high_raw: float


@dataclass(frozen=True, slots=True)
class Ratio:
    """A ratio of components with its 95 % interval, not below 0 (NaN where none could be had).

    ``p_equal_one`` is the two-sided p value that numerator and denominator are the same: a t test of their difference
    (untruncated) with the jackknife's variance, for the ratio itself has no variance where the denominator may be 0;
    NaN where nothing was resampled.
    """

    estimate: float
    ci_low: float
    ci_high: float
    p_equal_one: float


def at_least_zero(value: float) -> float:
    """Truncate at 0; NaN stays NaN."""
    return float(np.maximum(value, 0.0))


def shares(raw: FloatArray) -> FloatArray:
    """Each component along the last axis, truncated at 0, as a share of their sum (NaN where all are 0)."""
    kept = np.maximum(raw, 0.0)
    total = kept.sum(axis=-1, keepdims=True)
    return np.asarray(np.divide(kept, total, out=np.full_like(kept, np.nan), where=total > 0))


def component_table(
    names: Sequence[str],
    raw: FloatArray,
    replicates: Replicates,
    *,
    cell_variance: Mapping[str, float],
    without_interval: Collection[str],
) -> dict[str, Component]:
    """Put intervals and shares beside raw estimates.

    Parameters
    ----------
    names
        Names of the E effects, in the order of ``raw``.
    raw
        Untruncated estimates, shape (E,).
    replicates
        The same estimates with levels left out, (n_levels, E) by facet.
    cell_variance
        Sampling variance that belongs to single cells, by effect; see ``jackknife.interval``.
    without_interval
        Effects that get no interval: main effects of facets that were not resampled.
    """
    of_cells = np.array([cell_variance.get(name, 0.0) for name in names])
    low, high = interval(raw, replicates, cell_variance=of_cells)
    share = shares(raw)
    share_low, share_high = interval(share, replicates.map(shares))
    for name in set(without_interval) & set(names):
        i = names.index(name)
        low[i] = high[i] = share_low[i] = share_high[i] = np.nan
    return {
        name: Component(
            estimate=at_least_zero(raw[i]),
            estimate_raw=float(raw[i]),
            ci_low=at_least_zero(low[i]),
            ci_high=at_least_zero(high[i]),
            share=float(share[i]),
            share_ci_low=float(np.clip(share_low[i], 0, 1)),
            share_ci_high=float(np.clip(share_high[i], 0, 1)),
            ci_low_raw=float(low[i]),
            ci_high_raw=float(high[i]),
        )
        for i, name in enumerate(names)
    }


def component_lines(components: Mapping[str, Component]) -> str:
    """Lay components out as an aligned text table: effect, estimate, interval, share."""
    width = max(len(name) for name in components)
    lines = [f"{'effect':<{width}}  estimate            95% interval   share"]
    for name, c in components.items():
        between = f"[{c.ci_low:.4f}, {c.ci_high:.4f}]" if np.isfinite(c.ci_low) else "(not resampled)"
        lines.append(f"{name:<{width}}  {c.estimate:8.4f}  {between:>22}  {c.share:6.3f}")
    return "\n".join(lines)

"""Intervals of coefficients of a scale by leaving out levels of what respondents are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from persona_big5.variance.jackknife import FEWEST_LEVELS, Replicates, interval

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

MOST_GROUPS = 30
"""Facets with more levels are dealt into this many groups at random, and a group is left out at a time."""


def coefficient_interval(
    statistic: Callable[[NDArray[np.bool_]], NDArray[np.float64]],
    levels: Mapping[str, NDArray[np.int64]],
    *,
    seed: int,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give the ends of 95 % intervals over the levels that a claim generalises to.

    Parameters
    ----------
    statistic
        From marks of the respondents kept (B, n) to m coefficients of each (B, m), in a metric in which they are about
        normal; NaN for one that cannot be had. Called once.
    levels
        Levels of the crossed facets of respondents, each (n,). Those with fewer than 4 are not resampled: then the
        interval is for these levels.
    seed
        Of the deal into groups, where a facet has more than 30 levels.

    Returns
    -------
    low, high
        Each (m,), NaN where nothing is resampled or a coefficient cannot be had without some level.

    Notes
    -----
    Delete-a-level (delete-a-group) jackknife, as for variance components (``variance.jackknife``): the facets'
    variances add up; with two facets what belongs to single respondents is in both, and is taken off once. Covered
    alpha in 94-95 % of worlds of 15, 40 and 200 independent respondents and in 91-96 % of crossed ones of 8 x 40 and
    20 x 40, where Feldt's F interval, which takes respondents as independent, covers 55-58 % once facets matter.
    """
    random = np.random.default_rng(seed)
    crossed = {facet: codes for facet, codes in levels.items() if len(np.unique(codes)) >= FEWEST_LEVELS}
    n = len(next(iter(levels.values())))
    marks = [np.ones((1, n), dtype=bool), *(_without_each(codes, random) for codes in crossed.values())]
    if len(crossed) > 1:
        marks.append(_without_each(np.arange(n), random))
    found = np.split(statistic(np.concatenate(marks)), np.cumsum([len(part) for part in marks])[:-1])
    own = None
    if len(crossed) > 1:
        rows = found.pop()
        own = (len(rows) - 1) / len(rows) * ((rows - rows.mean(axis=0)) ** 2).sum(axis=0)
    return interval(found[0][0], Replicates(dict(zip(crossed, found[1:], strict=True))), cell_variance=own)


def _without_each(codes: NDArray[np.int64], random: np.random.Generator) -> NDArray[np.bool_]:
    """Mark who is left without each level, or each group of levels, (groups, n)."""
    _, level = np.unique(codes, return_inverse=True)
    n_levels = int(level.max()) + 1
    group = random.permutation(n_levels) % MOST_GROUPS if n_levels > MOST_GROUPS else np.arange(n_levels)
    kept: NDArray[np.bool_] = group[level] != np.arange(int(group.max()) + 1)[:, None]
    return kept

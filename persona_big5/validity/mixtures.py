"""One bump or two: Hartigan's dip and a mixture of two normals, judged against one normal on the same grid."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import scipy.special

from persona_big5.errors import DataError, NotEstimableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int64]

FEWEST_RUNS = 40
"""Below, a naive test by BIC flags far too many unimodal samples (``naive_bic_flags``), and a fair one has no power."""
EXCEEDANCES = 5
"""A p-value is settled once so many draws are as extreme as the sample (Besag & Clifford, 1991)."""
FIRST_DRAWS, LEAST_DRAWS, MOST_DRAWS = 20, 199, 1999
BUDGET = 100_000
"""Simulated samples in all beyond the least: few undecided samples get many each, to tell small p-values apart."""
BLOCK = 1 << 17
"""Numbers drawn at once: what is worked on stays within the processor's cache."""
SHORT, LONG = 5, 30
"""Steps of EM from each start, and from the best of them."""
LEAST_SD = 0.1
"""No component of a mixture is narrower than this share of the sample's SD, nor than a step of the grid implies."""
TOLERANCE = 1e-9
GRID_TOLERANCE = 1e-3
STEPS_BEHIND = 50
ROOT_2PI = np.sqrt(2 * np.pi)


@dataclass(frozen=True, slots=True)
class TwoNormals:
    """Mixtures of two normal distributions fitted to m samples.

    Attributes
    ----------
    ratio
        2 (log-likelihood of two components - log-likelihood of one), (m,), not below 0.
    mean, sd
        Of the lower and of the upper component, (m, 2).
    share
        Of the upper component, (m,).
    """

    ratio: FloatArray
    mean: FloatArray
    sd: FloatArray
    share: FloatArray


@dataclass(frozen=True, slots=True)
class Mixtures:
    """Dip and mixture of m samples of n, with p-values against one normal distribution rounded to the same grid.

    Attributes
    ----------
    dip, dip_p
        Hartigan's dip and how often a unimodal sample has one as large, (m,).
    two, ratio_p
        Mixture of two normals, and how often a unimodal sample has as large a likelihood ratio.
    n_draws
        Simulated samples behind the p-values of each sample, (m,).
    """

    dip: FloatArray
    dip_p: FloatArray
    two: TwoNormals
    ratio_p: FloatArray
    n_draws: IntArray


def dip_statistic(samples: FloatArray) -> FloatArray:
    """Hartigan's dip of each row: how far its distribution function is from the nearest unimodal one.

    Parameters
    ----------
    samples
        Shape (m samples, n values), n >= 1, finite; ties are allowed.

    Returns
    -------
    dip
        Shape (m,), between 1 / (2n) and 1/4; unchanged by shifting, scaling and reflecting a sample.

    Raises
    ------
    DataError
        For another shape, or values that are not finite.

    Notes
    -----
    Greatest convex minorant below and least concave majorant above the steps of the distribution function, on a modal
    interval that shrinks to where the two are furthest apart (Hartigan & Hartigan, 1985, Annals of Statistics 13;
    AS 217). O(n log n) a sample, all samples at once. Agrees to 1e-12 with the linear programme that defines the dip
    (tests), ties included, and with the package diptest on samples without ties.
    """
    x = np.sort(_checked(samples), axis=1).T  # (n, m): one value of all samples lies together
    n, m = x.shape
    below, above = _tie_ranks(x)
    tied = bool((above > below).any())
    before = _hull(x, below)
    after = n - 1 - _hull(-x[::-1], -above[::-1])[::-1]
    dip = np.ones(m)
    low, high = np.zeros(m, dtype=np.int64), np.full(m, n - 1)
    todo = np.arange(m)
    place = np.arange(n)[:, None]
    while len(todo):
        own = x[:, todo]
        inside = (place >= low[todo]) & (place <= high[todo])
        convex, convex_left, _ = _along(own, below[:, todo], _chain(before[:, todo], high[todo], low[todo]), tied=tied)
        concave, _, concave_right = _along(
            own, above[:, todo], _chain(after[:, todo], low[todo], high[todo]), tied=tied
        )
        vertex = (convex_left == place) | (concave_right == place)  # the gap is widest at one of them
        gap = np.where(inside & vertex, concave - convex + 1, -np.inf)
        widest = gap.argmax(axis=0)
        column = np.arange(len(todo))
        goes_on = gap[widest, column] > dip[todo] + TOLERANCE
        new_low = below[convex_left[widest, column], todo].astype(np.int64)
        new_high = above[concave_right[widest, column], todo].astype(np.int64)
        left = np.where(inside & (place < new_low), above[:, todo] + 1 - convex, 1.0).max(axis=0)
        right = np.where(inside & (place > new_high), concave + 1 - below[:, todo], 1.0).max(axis=0)
        dip[todo] = np.where(goes_on, np.maximum(dip[todo], np.maximum(left, right)), dip[todo])
        goes_on &= (new_low > low[todo]) | (new_high < high[todo])
        low[todo], high[todo] = new_low, new_high
        todo = todo[goes_on]
    return np.asarray(dip / (2 * n))


def _checked(samples: FloatArray) -> FloatArray:
    samples = np.asarray(samples, dtype=np.float64)
    if samples.ndim != 2 or samples.shape[1] < 1 or not np.isfinite(samples).all():
        raise DataError(f"samples must be a table of finite numbers, one sample a row; this has shape {samples.shape}")
    return samples


def _tie_ranks(x: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Position of the first and of the last of the values tied with each, (n, m); ``x`` is sorted along axis 0."""
    n = len(x)
    place = np.arange(n)[:, None]
    starts = np.vstack([np.ones((1, x.shape[1]), dtype=bool), x[1:] > x[:-1]])
    ends = np.vstack([starts[1:], np.ones((1, x.shape[1]), dtype=bool)])
    first, _ = _nearest(starts, place, n)
    _, last = _nearest(ends, place, n)
    return first.astype(float), last.astype(float)


def _hull(x: FloatArray, y: FloatArray) -> IntArray:
    """For each point j, the vertex before it on the lower convex hull of points 0 to j, (n, m)."""
    before = np.zeros(x.shape, dtype=np.int64)
    for j in range(1, len(x)):
        column = np.arange(x.shape[1])
        vertex = np.full(x.shape[1], j - 1)
        while len(column):
            own = vertex[column]
            earlier = before[own, column]
            rise = (y[j, column] - y[own, column]) * (x[own, column] - x[earlier, column])
            rise_before = (y[own, column] - y[earlier, column]) * (x[j, column] - x[own, column])
            drops = (own > 0) & (rise <= rise_before)
            column = column[drops]
            vertex[column] = earlier[drops]
        before[j] = vertex
    return before


def _chain(step: IntArray, start: IntArray, end: IntArray) -> NDArray[np.bool_]:
    """Mark the vertices (n, m) met from ``start`` to ``end`` when ``step`` leads from one to the next."""
    marked = np.zeros(step.shape, dtype=bool)
    marked[end, np.arange(len(end))] = True
    column, at = np.arange(len(start)), start.copy()
    direction = np.sign(end - start)
    while len(column):
        marked[at[column], column] = True
        at[column] = step[at[column], column]
        column = column[(end[column] - at[column]) * direction[column] > 0]
    return marked


def _along(
    x: FloatArray, y: FloatArray, vertices: NDArray[np.bool_], *, tied: bool
) -> tuple[FloatArray, IntArray, IntArray]:
    """Height of the polygon through the vertices at every point (n, m), and the vertices to its left and right."""
    n = len(x)
    place = np.arange(n)[:, None]
    left, right = _nearest(vertices, place, n)
    if tied:
        at_vertex = (x == _at(x, left)) | (x == _at(x, right))
        left, right = _nearest(at_vertex, place, n)  # all values tied with a vertex are one
    x0, y0 = _at(x, left), _at(y, left)
    width = _at(x, right) - x0
    width[width == 0] = 1.0  # at a vertex
    return y0 + (_at(y, right) - y0) / width * (x - x0), left, right


def _at(values: FloatArray, place: IntArray) -> FloatArray:
    """Values (n, m) at the places (n, m) of the same column."""
    return np.asarray(values.ravel().take(place * values.shape[1] + np.arange(values.shape[1])))


def _nearest(marked: NDArray[np.bool_], place: IntArray, n: int) -> tuple[IntArray, IntArray]:
    """Find the last marked place at or before each (the first of all without one), and the first at or after it."""
    left, right = np.where(marked, place, 0), np.where(marked, place, n - 1)
    for i in range(1, n):  # row by row: several times faster than ``accumulate`` along the first axis
        np.maximum(left[i], left[i - 1], out=left[i])
        np.minimum(right[n - 1 - i], right[n - i], out=right[n - 1 - i])
    return left, right


def two_normals(samples: FloatArray, *, equal_variances: bool = True, least_sd: FloatArray | float = 0.0) -> TwoNormals:
    """Fit a mixture of two normal distributions, and one normal, to each row.

    Parameters
    ----------
    samples
        Shape (m samples, n values), n >= 2, finite.
    equal_variances
        One SD for both components, or one each.
    least_sd
        No SD is taken to be smaller (m,); nor smaller than a tenth of the sample's, or the likelihood has no maximum.

    Raises
    ------
    DataError
        For another shape, or values that are not finite.
    NotEstimableError
        Where a sample does not vary.

    Notes
    -----
    EM from the best split of the sorted values into a small and a large part, into two halves, and into a large and a
    small part; the most likely of the three after a few steps goes on. The number of steps is fixed: the ratio is
    judged against that of simulated samples fitted in the same way, so it need not be the last digit of the maximum.
    Agrees with scikit-learn's ``GaussianMixture`` (tied covariances) to 1e-3 where components are apart.
    """
    x = np.sort(_checked(samples), axis=1).T  # (n, m): one value of all samples lies together
    n = len(x)
    centre, scale = x.mean(axis=0), x.std(axis=0)
    if n < 2 or (scale <= TOLERANCE * np.maximum(np.abs(centre), 1.0)).any():
        raise NotEstimableError("a sample without variation has no components")
    z = (x - centre) / scale
    least = np.maximum(LEAST_SD, least_sd / scale) ** 2
    best = np.full(x.shape[1], -np.inf)
    upper = np.zeros_like(z)
    for split in _best_splits(z):
        started, found = _em(z, np.where(np.arange(n)[:, None] >= split, 1.0, 0.0), least, SHORT, equal_variances)
        better = found.likelihood > best
        upper, best = np.where(better, started, upper), np.where(better, found.likelihood, best)
    _, found = _em(z, upper, least, LONG, equal_variances)
    one = -n / 2 * (np.log(np.maximum(1.0, least)) + 1 / np.maximum(1.0, least))
    turned = found.mean[0] > found.mean[1]
    lower_first = np.where(turned, np.array([[1], [0]]), np.array([[0], [1]]))
    return TwoNormals(
        ratio=np.maximum(2 * (found.likelihood - one), 0.0),
        mean=(centre + scale * np.take_along_axis(found.mean, lower_first, axis=0)).T,
        sd=(scale * np.sqrt(np.take_along_axis(found.variance, lower_first, axis=0))).T,
        share=np.where(turned, 1 - found.share, found.share),
    )


def _best_splits(z: FloatArray) -> list[IntArray]:
    """Give how many of the sorted values (n, m) begin as the lower component: few, half and most, 3 x (m,)."""
    n = len(z)
    k = np.arange(1, n)[:, None]
    lower = np.cumsum(z, axis=0)[:-1]  # and the upper part sums to minus that
    within = n - lower**2 * n / (k * (n - k))
    likelihood = -n / 2 * np.log(np.maximum(within, TOLERANCE)) + k * np.log(k / n) + (n - k) * np.log1p(-k / n)
    quarter = max(n // 4, 1)
    edges = (0, quarter, max(n - 1 - quarter, quarter), n - 1)
    parts = [slice(a, b) for a, b in pairwise(edges) if b > a]
    return [k[part, 0][likelihood[part].argmax(axis=0)] for part in parts]


class _Fit(NamedTuple):
    """Log-likelihood (m,), share of the second component (m,), means and variances of both (2, m)."""

    likelihood: FloatArray
    share: FloatArray
    mean: FloatArray
    variance: FloatArray


def _em(
    z: FloatArray,
    second: FloatArray,
    least: FloatArray,
    steps: int,
    equal_variances: bool,  # noqa: FBT001  (internal)
) -> tuple[FloatArray, _Fit]:
    """Take ``steps`` of EM; give the probabilities (n, m) of the second component, and the fit.

    ``z`` (n, m) has mean 0 and variance 1 by column; ``second`` are the probabilities to begin with, ``least`` (m,) is
    the smallest variance.
    """
    n = len(z)
    squares = z**2
    for _ in range(steps):
        size = np.clip(second.sum(axis=0), TOLERANCE, n - TOLERANCE)
        total = np.einsum("nm,nm->m", second, z)
        share = size / n
        mean = np.stack([-total / (n - size), total / size])
        if equal_variances:
            common = 1 - share * mean[1] ** 2 - (1 - share) * mean[0] ** 2
            variance = np.maximum(np.stack([common, common]), least)
        else:
            square = np.einsum("nm,nm->m", second, squares)
            variance = np.maximum(np.stack([(n - square) / (n - size), square / size]) - mean**2, least)
        constant = np.log(np.stack([1 - share, share])) - np.log(variance) / 2 - mean**2 / (2 * variance)
        linear, quadratic = mean / variance, -1 / (2 * variance)
        odds = (constant[1] - constant[0]) + (linear[1] - linear[0]) * z
        if not equal_variances:
            odds += (quadratic[1] - quadratic[0]) * squares
        second = 0.5 + 0.5 * np.tanh(0.5 * odds)  # the logistic function
    of_first = constant[0] + linear[0] * z + quadratic[0] * squares
    either = of_first + np.maximum(odds, 0.0) + np.log1p(np.exp(-np.abs(odds)))
    return second, _Fit(either.sum(axis=0), share, mean, variance)


def uniform_dip_p(dip: FloatArray, n: int, *, draws: int = MOST_DRAWS, seed: int = 0) -> FloatArray:
    """Give the classical p-values of dips (m,) of samples of ``n`` without ties: how often uniform ones are as large.

    The uniform is the hardest unimodal distribution to tell from two heaps, so these are conservative. p is (uniform
    samples with as large a dip + 1) / (draws + 1); critical values agree with the published ones (tests/validity).
    """
    null = np.sort(dip_statistic(np.random.default_rng(seed).random((draws, n))))
    as_large = draws - np.searchsorted(null, np.asarray(dip) - TOLERANCE)
    return np.asarray((as_large + 1) / (draws + 1))


def judge_mixtures(
    samples: FloatArray,
    *,
    step: float = 0.0,
    low: float = -np.inf,
    high: float = np.inf,
    draws: int = MOST_DRAWS,
    seed: int = 0,
    progress: Callable[[str], None] = lambda _: None,
) -> Mixtures:
    """Test each row for two components, against one normal distribution that was rounded and cut off like the data.

    Parameters
    ----------
    samples
        Shape (m samples, n values), finite, each with at least two different values: composites (scale scores), one
        value a run.
    step
        Distance of neighbouring values of the grid that the values lie on; 0: no grid.
    low, high
        Ends of the grid; values beyond are cut off.
    draws
        Most simulated samples per row. A row is left as soon as both its p-values are settled, and after 199 where so
        many rows are left that more would take too long.
    seed
        Everything random derives from it.
    progress
        Called with a short sentence now and then.

    Raises
    ------
    DataError
        For another shape, or values that are not finite.
    NotEstimableError
        With fewer than 40 values, or a row that does not vary.

    Notes
    -----
    Parametric bootstrap: the normal is fitted by maximum likelihood to the grid's cells (values at an end of the grid
    may stand for anything beyond), samples are drawn from it, rounded and cut off, and get the same dip and ratio.
    Ties are spread evenly over their cell before the dip. p is (draws as extreme + 1) / (draws + 1), or 5 / (draws
    until the fifth as extreme), which is exact too (Besag & Clifford, 1991, Biometrika 78). The mixture has equal
    variances. In unimodal worlds, on grids of 5 to 33 values and at the end of a scale, p < .05 in about 5 % or fewer
    (tests/validity).
    """
    samples = np.sort(_checked(samples), axis=1)
    m, n = samples.shape
    if n < FEWEST_RUNS:
        raise NotEstimableError(f"{n} runs: below {FEWEST_RUNS} it cannot be decided whether there are two components")
    if (samples[:, 0] == samples[:, -1]).any():
        raise NotEstimableError("a sample without variation has no components")
    two = two_normals(samples, least_sd=step / np.sqrt(12))
    observed = np.stack([dip_statistic(_spread(samples, step)), two.ratio], axis=1)
    centre, sd = _normal_behind(samples, step, low, high)
    random = np.random.default_rng(seed)
    p, extreme, used = np.full((m, 2), np.nan), np.zeros((m, 2), dtype=np.int64), np.zeros(m, dtype=np.int64)
    todo, done, budget = np.arange(m), 0, BUDGET
    while len(todo) and done < draws:
        size = min(max(done, FIRST_DRAWS), (draws if done >= LEAST_DRAWS else min(draws, LEAST_DRAWS)) - done)
        if done >= LEAST_DRAWS:
            size = min(size, budget // len(todo))
            budget -= size * len(todo)
        if size == 0:
            break
        progress(f"mixtures: {len(todo)} of {m} samples undecided after {done} simulated ones each")
        for rows in np.array_split(todo, -(-len(todo) * size * n // BLOCK)):
            drawn = centre[rows, None, None] + sd[rows, None, None] * random.normal(size=(len(rows), size, n))
            drawn = np.clip(_on_grid(drawn, samples[0, 0], step), low, high)
            as_extreme = _statistics(drawn.reshape(-1, n), step).reshape(len(rows), size, 2) >= (
                observed[rows, None] - TOLERANCE
            )
            count = extreme[rows, None] + as_extreme.cumsum(axis=1)
            settled = np.isnan(p[rows]) & (count[:, -1] >= EXCEEDANCES)
            p[rows] = np.where(settled, EXCEEDANCES / (done + 1 + (count >= EXCEEDANCES).argmax(axis=1)), p[rows])
            extreme[rows] = count[:, -1]
        done += size
        used[todo] = done
        todo = todo[np.isnan(p[todo]).any(axis=1)]
    p = np.where(np.isnan(p), (extreme + 1) / (done + 1), p)
    return Mixtures(dip=observed[:, 0], dip_p=p[:, 0], two=two, ratio_p=p[:, 1], n_draws=used)


def grid_step(values: FloatArray) -> float:
    """Find the distance of neighbouring values of the grid that all ``values`` lie on; 0 where they lie on none."""
    distinct = np.unique(np.round(values[np.isfinite(values)], 9))
    if len(distinct) < 2:
        return 0.0
    step = float(np.diff(distinct).min())
    places = (distinct - distinct[0]) / step
    return step if np.abs(places - np.rint(places)).max() < GRID_TOLERANCE else 0.0


def _on_grid(values: FloatArray, origin: float, step: float) -> FloatArray:
    return values if step == 0 else np.asarray(origin + step * np.rint((values - origin) / step))


def _spread(samples: FloatArray, step: float) -> FloatArray:
    """Spread tied values evenly over their cell of the grid; ``samples`` (m, n) are sorted by row."""
    if step == 0:
        return samples
    first, last = (ranks.T for ranks in _tie_ranks(samples.T))
    within = (np.arange(samples.shape[1]) - first + 0.5) / (last - first + 1) - 0.5
    return np.asarray(samples + step * within)


def _statistics(samples: FloatArray, step: float) -> FloatArray:
    """Dip and likelihood ratio of each row (m, 2); a row without variation is as unimodal as can be."""
    samples = np.sort(samples, axis=1)
    found = np.tile([1 / (2 * samples.shape[1]), 0.0], (len(samples), 1))
    varies = samples[:, -1] - samples[:, 0] > TOLERANCE
    if varies.any():
        found[varies, 0] = dip_statistic(_spread(samples[varies], step))
        found[varies, 1] = two_normals(samples[varies], least_sd=step / np.sqrt(12)).ratio
    return found


def _normal_behind(samples: FloatArray, step: float, low: float, high: float) -> tuple[FloatArray, FloatArray]:
    """Mean and SD (m,) of the normal that, rounded to the grid and cut off at its ends, is most likely each row."""
    mean, sd = samples.mean(axis=1), samples.std(axis=1)
    if step == 0:
        return mean, sd * np.sqrt(samples.shape[1] / (samples.shape[1] - 1))
    lower = np.where(samples <= low + step / 2, -np.inf, samples - step / 2)
    upper = np.where(samples >= high - step / 2, np.inf, samples + step / 2)
    for _ in range(STEPS_BEHIND):
        a, b = (lower - mean[:, None]) / sd[:, None], (upper - mean[:, None]) / sd[:, None]
        mirrored = a > 0  # the lower tail is the accurate one
        a, b = np.where(mirrored, -b, a), np.where(mirrored, -a, b)
        mass = np.maximum(scipy.special.ndtr(b) - scipy.special.ndtr(a), np.finfo(float).tiny)
        density_a, density_b = np.exp(-(a**2) / 2) / ROOT_2PI, np.exp(-(b**2) / 2) / ROOT_2PI
        first = (density_a - density_b) / mass
        a_density, b_density = _finite(a) * density_a, _finite(b) * density_b
        second = 1 + (a_density - b_density) / mass
        expected = np.where(mirrored, -first, first)
        shift = expected.mean(axis=1)
        mean, sd = mean + sd * shift, sd * np.sqrt(np.maximum(second.mean(axis=1) - shift**2, LEAST_SD**2 / 100))
    return mean, sd


def _finite(values: FloatArray) -> FloatArray:
    return np.where(np.isfinite(values), values, 0.0)


def naive_bic_flags(runs: int, *, samples: int = 1000, equal_variances: bool = True, seed: int = 0) -> float:
    """Share of unimodal samples of ``runs`` values that a comparison of BICs calls two components.

    What goes wrong without calibration: it flags .4 of them at 5 runs, and few at 40.
    """
    values = np.random.default_rng(seed).normal(size=(samples, runs))
    more = 2 if equal_variances else 3
    found = two_normals(values, equal_variances=equal_variances)
    return float((found.ratio > more * np.log(runs)).mean())

"""Reliability of scale scores of persons asked on several occasions: of what they are, and of how they change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import minimize

from persona_big5.errors import DataError, NotEstimableError

if TYPE_CHECKING:
    from numpy.typing import NDArray

CROSSED = ("person", "time", "item", "person:time", "person:item", "time:item", "residual")
NESTED = ("person", "time(person)", "residual")


@dataclass(frozen=True, slots=True)
class MultilevelReliability:
    """Reliability of means of k occasions and p items (psych's name in brackets).

    Attributes
    ----------
    means_fixed_times
        Of means over these very occasions (RkF).
    one_time
        Of the scores of one occasion, drawn at random (R1R).
    means
        Of means over occasions drawn at random (RkR).
    change
        Of changes of a person from occasion to occasion (Rc).
    means_nested, change_nested
        The last two where occasions of different persons are not the same ones (RkRn, Rcn). psych's model has no items
        in it: what an item is to one person on all occasions counts as error, and hides change.
    components, components_nested
        Variance components of the two designs, none below 0.
    n, k, p
        Persons with all answers, occasions, items.
    """

    means_fixed_times: float
    one_time: float
    means: float
    change: float
    means_nested: float
    change_nested: float
    components: dict[str, float]
    components_nested: dict[str, float]
    n: int
    k: int
    p: int

    def __str__(self) -> str:
        return (
            f"means {self.means:.3f} (nested {self.means_nested:.3f}), one time {self.one_time:.3f}, change "
            f"{self.change:.3f} (nested {self.change_nested:.3f}); {self.n} persons, {self.k} times, {self.p} items"
        )


def multilevel_reliability(scores: NDArray[np.float64]) -> MultilevelReliability:
    """Reliability between and within persons (Cranford et al., 2006; Shrout & Lane, 2012).

    Parameters
    ----------
    scores
        Shape (n persons, k occasions, p items), keyed. Missing rule: persons with any answer missing are left out.

    Raises
    ------
    DataError
        When `scores` does not have three dimensions.
    NotEstimableError
        With fewer than two complete persons, occasions or items, or where scores do not vary.

    Notes
    -----
    Components are restricted maximum likelihood estimates kept at or above 0; in balanced data they are analysis of
    variance where no estimate is below 0. Formulas of R's ``psych::multilevel.reliability``, with which coefficients
    agree to 2e-4 on two data sets (lme4's search stops a little early).
    """
    scores = np.asarray(scores, dtype=np.float64)
    if scores.ndim != 3:
        raise DataError(f"scores have shape {scores.shape}; give persons x occasions x items")
    scores = scores[np.isfinite(scores).all(axis=(1, 2))]
    n, k, p = scores.shape
    if min(n, k, p) < 2:
        raise NotEstimableError(
            f"{n} persons with all answers, {k} occasions, {p} items: at least two of each are needed"
        )
    squares, df = _mean_squares(scores)
    if squares.max() <= 1e-12 * max(float(np.abs(scores).max()), 1.0) ** 2:
        raise NotEstimableError("scores do not vary")
    sizes = np.array([k * p, n * p, n * k, p, k, n, 1.0])
    within = np.array([[set(a.split(":")) <= set(b.split(":")) for b in CROSSED[:6]] for a in CROSSED[:6]])
    weights = np.ones((7, 7))
    weights[:6, :6] = np.where(within, sizes[:6], 0.0)
    weights[6, :6] = 0.0
    crossed = _components(squares, df, weights)
    c = dict(zip(CROSSED, crossed.tolist(), strict=True))
    items_of_person = c["person"] + c["person:item"] / p
    changing = c["time"] + c["person:time"]
    error = c["residual"]
    nested_df = np.array([df[0], n * (k - 1), n * k * (p - 1)], dtype=np.float64)
    of_time = df[1] * squares[1] + df[3] * squares[3]
    of_rest = df[[2, 4, 5, 6]] @ squares[[2, 4, 5, 6]]
    nested_squares = np.array([squares[0], of_time / nested_df[1], of_rest / nested_df[2]])
    nested = _components(nested_squares, nested_df, np.array([[k * p, p, 1.0], [0.0, p, 1.0], [0.0, 0.0, 1.0]]))
    m = dict(zip(NESTED, nested.tolist(), strict=True))
    return MultilevelReliability(
        means_fixed_times=_ratio(items_of_person, error / (k * p)),
        one_time=_ratio(items_of_person, changing + error / p),
        means=_ratio(items_of_person, changing / k + error / (k * p)),
        change=_ratio(c["person:time"], error / p),
        means_nested=_ratio(m["person"], m["time(person)"] / k + m["residual"] / (k * p)),
        change_nested=_ratio(m["time(person)"], m["residual"] / p),
        components=c,
        components_nested=m,
        n=n,
        k=k,
        p=p,
    )


def _ratio(true: float, error: float) -> float:
    return true / (true + error) if true + error > 0 else float("nan")


def _mean_squares(scores: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean squares and degrees of freedom of the crossed effects, in the order of ``CROSSED``, both (7,)."""
    left = scores - scores.mean()
    squares, df = [], []
    for axes in ((0,), (1,), (2,), (0, 1), (0, 2), (1, 2), (0, 1, 2)):
        others = tuple(axis for axis in range(3) if axis not in axes)
        effect = left.mean(axis=others, keepdims=True)
        left = left - effect
        df.append(float(np.prod([scores.shape[axis] - 1 for axis in axes])))
        squares.append(float((effect**2).sum()) * scores.size / effect.size / df[-1])
    return np.array(squares), np.array(df)


def _components(
    squares: NDArray[np.float64], df: NDArray[np.float64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Components whose expected mean squares, ``weights`` times them, fit best by restricted likelihood, none below 0.

    Mean squares of balanced data are independent, each a chi-square times its expectation.
    """
    solved = np.linalg.solve(weights, squares)
    if (solved >= 0).all():
        return np.asarray(solved)
    unit = float(df @ squares / df.sum())
    observed = squares / unit

    def deviance(theta: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        expected = weights @ theta
        slope = df * (1 / expected - observed / expected**2)
        return float(df @ (np.log(expected) + observed / expected)), weights.T @ slope

    floor = np.zeros(len(squares))
    floor[-1] = 1e-10
    found = minimize(
        deviance,
        np.maximum(solved / unit, 1e-3),
        jac=True,
        method="L-BFGS-B",
        bounds=[(low, None) for low in floor],
        options={"maxiter": 2000, "ftol": 1e-15, "gtol": 1e-9},
    )
    return np.asarray(found.x * unit)

"""Do respondents agree with what looks good: the implausible-virtue score."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from persona_big5.errors import DataError, NotEstimableError
from persona_big5.factors.matrices import checked_scores

if TYPE_CHECKING:
    from numpy.typing import NDArray

FEWEST_ITEMS = 3


@dataclass(frozen=True, slots=True)
class Desirability:
    """How far answers follow how good they look.

    Attributes
    ----------
    by_respondent
        Correlation over items of a respondent's answers with the items' desirability (n,): near 1 for implausible
        virtue. NaN with fewer than three such answers, or where they do not vary.
    mean, sd
        Over respondents; `sd` None with one.
    n_items, n_respondents
        Items with a rating, and respondents with a score.
    """

    by_respondent: NDArray[np.float64]
    mean: float
    sd: float | None
    n_items: int
    n_respondents: int

    def __str__(self) -> str:
        spread = "undefined" if self.sd is None else f"{self.sd:.2f}"
        of = f"{self.n_items} items, {self.n_respondents} respondents"
        return f"desirability: mean r {self.mean:.2f}, SD {spread} ({of})"


def desirability(scores: NDArray[np.float64], ratings: NDArray[np.float64]) -> Desirability:
    """Correlate each respondent's answers with the desirability of the items.

    Parameters
    ----------
    scores
        Shape (n respondents, p items), raw direction, in one unit; NaN is a missing answer. Missing rule: over the
        items answered and rated.
    ratings
        How good agreeing looks (p,), any unit; NaN unknown.

    Raises
    ------
    DataError
        When scores and ratings do not fit.
    NotEstimableError
        With fewer than three rated items, ratings that do not vary, or nobody with a score.
    """
    scores, ratings = checked_scores(scores), np.asarray(ratings, dtype=np.float64)
    if ratings.shape != (scores.shape[1],):
        raise DataError(f"{scores.shape[1]} items need as many ratings of desirability; got {ratings.size}")
    rated = np.isfinite(ratings)
    if rated.sum() < FEWEST_ITEMS or np.ptp(ratings[rated]) == 0:
        raise NotEstimableError(
            f"desirability needs at least {FEWEST_ITEMS} items whose ratings differ; {int(rated.sum())} are rated"
        )
    by_respondent = _row_correlations(scores[:, rated], ratings[rated])
    known = by_respondent[np.isfinite(by_respondent)]
    if not len(known):
        raise NotEstimableError("nobody answered at least three rated items with answers that differ")
    sd = float(known.std(ddof=1)) if len(known) > 1 else None
    return Desirability(by_respondent, float(known.mean()), sd, int(rated.sum()), len(known))


def _row_correlations(scores: NDArray[np.float64], ratings: NDArray[np.float64]) -> NDArray[np.float64]:
    """Correlation of each row with the ratings over the entries that are there (n,)."""
    there = np.isfinite(scores)
    counts = np.maximum(there.sum(axis=1), 1)[:, None]
    x = np.where(there, scores, 0.0)
    y = np.where(there, ratings, 0.0)
    x = np.where(there, x - x.sum(axis=1, keepdims=True) / counts, 0.0)
    y = np.where(there, y - y.sum(axis=1, keepdims=True) / counts, 0.0)
    spread = np.sqrt((x**2).sum(axis=1) * (y**2).sum(axis=1))
    enough = (there.sum(axis=1) >= FEWEST_ITEMS) & (spread > 1e-12 * counts[:, 0])
    r: NDArray[np.float64] = np.divide((x * y).sum(axis=1), spread, out=np.full(len(scores), np.nan), where=enough)
    return r

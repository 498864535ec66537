"""Who gives answers that hardly anyone else gives: carelessness, misreading, or a person apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from persona_big5.errors import DataError, NotEstimableError
from persona_big5.factors.matrices import checked_scores

if TYPE_CHECKING:
    from numpy.typing import NDArray

RARE = 0.05
"""Share of the answers of others below which an option is rare."""
MOST_OPTIONS = 20


@dataclass(frozen=True, slots=True)
class Infrequency:
    """Share of a respondent's answers that are rare among all others.

    Attributes
    ----------
    by_respondent
        Shape (n,); NaN without any answer that could be compared.
    mean
        Over respondents.
    expected
        Share that somebody who chooses options at random would give, all options of an item alike.
    n_items
        Items compared.
    """

    by_respondent: NDArray[np.float64]
    mean: float
    expected: float
    n_items: int

    def __str__(self) -> str:
        return f"infrequent answers: {self.mean:.1%} (at random {self.expected:.1%}; {self.n_items} items)"


def infrequency(
    scores: NDArray[np.float64], respondent: NDArray[np.int64], n_options: NDArray[np.float64] | None = None
) -> Infrequency:
    """Count the answers that fewer than 5 % of the other respondents' answers to the item agree with.

    Parameters
    ----------
    scores
        Shape (N, p), single answers, options as numbers; NaN is a missing answer and does not count.
    respondent
        Code of the respondent of each row (N,), 0 to n - 1.
    n_options
        Options of each item (p,), for what is expected at random; None: those that anybody chose.

    Raises
    ------
    DataError
        When the arguments do not fit each other.
    NotEstimableError
        With fewer than two respondents, or answers that are no options (more than 20 distinct values of an item).
    """
    scores, respondent = checked_scores(scores), np.asarray(respondent)
    if respondent.shape != (len(scores),):
        raise DataError(f"{len(scores)} rows need as many codes of respondents; got {respondent.size}")
    n = int(respondent.max(initial=-1)) + 1
    rare, answered, expected = np.zeros(n), np.zeros(n), []
    for item in range(scores.shape[1]):
        there = np.isfinite(scores[:, item])
        options, chosen = np.unique(scores[there, item], return_inverse=True)
        if len(options) > MOST_OPTIONS:
            raise NotEstimableError(f"item {item + 1} has {len(options)} distinct values: these are no options")
        own = np.bincount(respondent[there] * len(options) + chosen, minlength=n * len(options)).reshape(n, -1)
        total = own.sum(axis=0)
        others = total.sum() - own.sum(axis=1, keepdims=True)
        comparable = others[:, 0] > 0
        share = np.divide(total - own, others, out=np.ones(own.shape), where=others > 0)
        rare += np.where(comparable, (own * (share < RARE)).sum(axis=1), 0)
        answered += np.where(comparable, own.sum(axis=1), 0)
        if len(options):
            offered = len(options) if n_options is None else max(float(n_options[item]), len(options))
            expected.append(1 - float((total >= RARE * total.sum()).sum()) / offered)
    known = answered > 0
    if known.sum() < 2:
        raise NotEstimableError("infrequent answers need at least two respondents who answered the same item")
    by_respondent = np.divide(rare, answered, out=np.full(n, np.nan), where=known)
    return Infrequency(by_respondent, float(by_respondent[known].mean()), float(np.mean(expected)), len(expected))

"""Asked again, do the same respondents stand high: correlations between occasions, averaged over their pairs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from persona_big5.errors import NotEstimableError
from persona_big5.factors.correlation import pearson
from persona_big5.factors.matrices import checked_scores

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Retest:
    """Test-retest correlation of one score.

    Attributes
    ----------
    r
        Mean over the pairs of occasions.
    correlations
        Shape (k, k); NaN for a pair that fewer than three respondents answered, or in which scores do not vary.
    n_pairs
        Pairs of occasions that were averaged.
    n
        Respondents with at least two occasions.
    """

    r: float
    correlations: NDArray[np.float64]
    n_pairs: int
    n: int

    def __str__(self) -> str:
        return f"test-retest r {self.r:.3f} (mean of {self.n_pairs} pairs of occasions, {self.n} respondents)"


def retest(scores: NDArray[np.float64]) -> Retest:
    """Correlate the scores of one occasion with those of another, over respondents, for all pairs of occasions.

    Parameters
    ----------
    scores
        Shape (n respondents, k occasions); NaN is missing. Missing rule: pairwise complete; pairs that are not defined
        are left out of the mean.

    Raises
    ------
    DataError
        When `scores` is no two-dimensional table.
    NotEstimableError
        Where no pair of occasions is defined.

    Notes
    -----
    The reliability of one occasion, for differences between these respondents. Shifts of all respondents between
    occasions do not count as error; `two_way_icc` counts them.
    """
    scores = checked_scores(scores)
    k = scores.shape[1]
    n = int((np.isfinite(scores).sum(axis=1) > 1).sum())
    correlations = pearson(scores).matrix
    of_pairs = correlations[np.triu_indices(k, 1)]
    defined = of_pairs[np.isfinite(of_pairs)]
    if not len(defined):
        raise NotEstimableError(
            f"no two of {k} occasions have at least 3 respondents in common whose scores vary "
            f"({n} respondents have more than one)"
        )
    return Retest(float(defined.mean()), correlations, len(defined), n)

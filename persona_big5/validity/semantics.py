"""Do correlations of answers only mirror how alike the items' texts are: Mantel test, and structure without it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from persona_big5.errors import DataError, NotEstimableError
from persona_big5.factors.congruence import shuffled_within
from persona_big5.factors.matrices import checked_correlation
from persona_big5.factors.smoothing import nearest_correlation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

FEWEST_ITEMS = 4
"""Three items have six orders: no permutation test can reject."""
_NGRAMS = (3, 5)
_VALUES_AT_ONCE = 4_000_000


@dataclass(frozen=True, slots=True)
class Mantel:
    """Correlation of two matrices over pairs of items, tested by letting the items of one change places.

    Attributes
    ----------
    r
        Pearson correlation of the off-diagonal entries.
    p_greater, p_two_sided
        Share of the permutations (the observed order counted as one) with r, or the absolute value of r, at least as
        large.
    null_95
        95th percentile of r over the permutations.
    n_items, n_permutations
        Items, and permutations beside the observed order.
    """

    r: float
    p_greater: float
    p_two_sided: float
    null_95: float
    n_items: int
    n_permutations: int

    def __str__(self) -> str:
        p = f"p = {self.p_greater:.4f} one-sided, {self.p_two_sided:.4f} two-sided"
        return f"Mantel r = {self.r:.3f} over {self.n_items} items, {p}, {self.n_permutations} permutations"


@dataclass(frozen=True, slots=True)
class PartialledOut:
    """Correlations with what goes with similarity of texts taken off.

    Attributes
    ----------
    correlations
        Shape (p, p), the nearest correlation matrix to what is left.
    eigenvalues
        Of what is left before that, (p,), descending: to be counted against a null that is not smoothed either.
    slope, intercept
        Of the line through the off-diagonal entries; the intercept is at the similarity of the least similar pair.
    r_squared
        Share of the off-diagonal entries' variance that the line accounts for.
    """

    correlations: NDArray[np.float64]
    eigenvalues: NDArray[np.float64]
    slope: float
    intercept: float
    r_squared: float


def text_similarity(texts: Sequence[str]) -> NDArray[np.float64]:
    """Cosine similarity of texts by their wording: TF-IDF of character n-grams within words.

    Parameters
    ----------
    texts
        One per item.

    Returns
    -------
    Shape (p, p), in [0, 1], ones on the diagonal, positive semi-definite; 0 for two texts without a common n-gram.

    Raises
    ------
    DataError
        When a text has no letter or digit.

    Notes
    -----
    scikit-learn's ``TfidfVectorizer``, n-grams of 3 to 5 characters that do not cross words. Items are single
    sentences, which share few whole words: n-grams see a stem in all its forms (*organise*, *organised*,
    *disorganised*) in any language without a list of stop words, and the inverse document frequency takes the weight
    off what all items have in common ("I am someone who"). It knows words, not meanings: for synonyms give a similarity
    from embeddings.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer  # it has no stubs

    if empty := [i + 1 for i, text in enumerate(texts) if not any(character.isalnum() for character in text)]:
        raise DataError(
            f"texts {', '.join(map(str, empty[:10]))} of {len(texts)} have no letter or digit: drop the items"
        )
    weights = TfidfVectorizer(analyzer="char_wb", ngram_range=_NGRAMS).fit_transform(texts)
    return _with_unit_diagonal((weights @ weights.T).toarray())


def embedding_similarity(embeddings: NDArray[np.float64]) -> NDArray[np.float64]:
    """Cosine similarity (p, p) of embeddings (p, d), without NaN.

    Raises
    ------
    DataError
        When they are no matrix of finite numbers, or one is all zeros.
    """
    embeddings = np.asarray(embeddings, dtype=np.float64)
    if embeddings.ndim != 2 or not np.isfinite(embeddings).all():
        raise DataError(f"embeddings of shape {embeddings.shape} are no items x dimensions table of finite numbers")
    lengths = np.linalg.norm(embeddings, axis=1, keepdims=True)
    if (lengths == 0).any():
        raise DataError(f"the embedding of item {int(lengths.argmin()) + 1} is all zeros")
    unit = embeddings / lengths
    return _with_unit_diagonal(unit @ unit.T)


def mantel(
    A: NDArray[np.float64],
    B: NDArray[np.float64],
    *,
    permutations: int = 9999,
    groups: NDArray[np.int64] | None = None,
    seed: int = 0,
) -> Mantel:
    """Test whether pairs of items that are high in one matrix are high in the other (Mantel, 1967).

    Parameters
    ----------
    A, B
        Symmetric, shape (p, p), without NaN off the diagonal; the diagonals are not looked at. What is tested is what
        they are: for items keyed both ways give correlations in keyed direction, or absolute ones.
    permutations
        Random orders of the items of `B`, at least 999.
    groups
        Items change places only within a group (p,): what the groups share is then in the null too.
    seed
        Of the permutations.

    Raises
    ------
    DataError
        When shapes differ, there are undefined entries, a matrix is not symmetric, or too few permutations.
    NotEstimableError
        With fewer than 4 items, where all pairs are alike in either matrix, or where no group has two items.

    Notes
    -----
    Rows and columns of a similarity are not independent, the pairs even less: permuting items, not pairs, keeps that.
    Agrees with a loop over the permutations to 1e-12 (tests/validity). 10,000 permutations of 100 items take about half
    a second of CPU.
    """
    A, B = _same_pairs(A, B)
    p = len(A)
    if permutations < 999:
        raise DataError(f"{permutations} permutations are too few for a p-value; give at least 999")
    rows, columns = np.triu_indices(p, 1)
    x, y = A[rows, columns], B[rows, columns]
    if _flat(x) or _flat(y):
        raise NotEstimableError(f"all {len(x)} pairs of items are alike: similarity says nothing of them")
    groups = np.zeros(p, dtype=np.int64) if groups is None else groups
    if np.unique(groups, return_counts=True)[1].max() < 2:
        raise NotEstimableError("no group has two items that could change places")
    x = (x - x.mean()) / np.linalg.norm(x - x.mean())
    B = (B - y.mean()) / np.linalg.norm(y - y.mean())
    r = float(x @ B[rows, columns])
    random = np.random.default_rng(seed)
    null = np.empty(permutations)
    at_once = max(_VALUES_AT_ONCE // len(x), 1)
    for start in range(0, permutations, at_once):
        n = min(at_once, permutations - start)
        order = shuffled_within(groups, n, random)
        null[start : start + n] = B.ravel()[order[:, rows] * p + order[:, columns]] @ x
    tie = 1e-12  # an order that changes nothing is as large as the observed one, whatever the last digit says
    return Mantel(
        r=r,
        p_greater=float((1 + (null >= r - tie).sum()) / (permutations + 1)),
        p_two_sided=float((1 + (np.abs(null) >= abs(r) - tie).sum()) / (permutations + 1)),
        null_95=float(np.percentile(null, 95)),
        n_items=p,
        n_permutations=permutations,
    )


def partial_out(R: NDArray[np.float64], similarity: NDArray[np.float64]) -> PartialledOut:
    """Take off correlations what goes linearly with the similarity of texts.

    Parameters
    ----------
    R
        Correlation matrix (p, p) in keyed direction, without NaN, positive definite or not.
    similarity
        Shape (p, p), symmetric, any unit and zero point.

    Returns
    -------
    result
        Every correlation moved to where the line has the *least similar* pair, so that a correlation that texts say
        nothing of (a general factor) stays; then the nearest correlation matrix.

    Raises
    ------
    DataError
        When `R` is no correlation matrix, or the two do not fit each other.
    NotEstimableError
        With fewer than 4 items, or where all pairs are equally similar.

    Notes
    -----
    Least squares over the p (p - 1) / 2 pairs; the result does not depend on unit and zero point of the similarity. A
    similarity that measures wording with error takes off too little, and where items of one scale share words and
    content it takes off both: a structure that goes need not have been wording, one that stays is more than *this*
    similarity.
    """
    R = checked_correlation(R)
    R, similarity = _same_pairs(R, similarity)
    rows, columns = np.triu_indices(len(R), 1)
    r, s = R[rows, columns], similarity[rows, columns] - similarity[rows, columns].min()
    if _flat(s):
        raise NotEstimableError(f"all {len(s)} pairs of items are equally similar: there is nothing to partial out")
    centred = s - s.mean()
    slope = float(centred @ (r - r.mean()) / (centred @ centred))
    left = np.eye(len(R))
    left[rows, columns] = left[columns, rows] = np.clip(r - slope * s, -1.0, 1.0)
    variance = float(((r - r.mean()) ** 2).sum())
    return PartialledOut(
        correlations=nearest_correlation(left),
        eigenvalues=np.asarray(np.linalg.eigvalsh(left)[::-1], dtype=np.float64),
        slope=slope,
        intercept=float(r.mean() - slope * s.mean()),
        r_squared=0.0 if _flat(r) else slope**2 * float(centred @ centred) / variance,
    )


def _same_pairs(A: NDArray[np.float64], B: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    A, B = np.array(A, dtype=np.float64), np.array(B, dtype=np.float64)
    if A.ndim != 2 or A.shape[0] != A.shape[1] or A.shape != B.shape:
        raise DataError(f"matrices of shape {A.shape} and {B.shape} are not of the same items; give items x items")
    if len(A) < FEWEST_ITEMS:
        raise NotEstimableError(f"{len(A)} items: at least {FEWEST_ITEMS} are needed")
    for matrix in (A, B):
        np.fill_diagonal(matrix, 0.0)
        if not np.isfinite(matrix).all():
            raise DataError("similarities of some pairs of items are undefined: drop these items")
        if not np.allclose(matrix, matrix.T, rtol=0, atol=1e-8):
            raise DataError("a similarity of items is symmetric; this matrix differs from its transpose")
    return A, B


def _flat(values: NDArray[np.float64]) -> bool:
    return bool(np.ptp(values) <= 1e-12 * max(1.0, float(np.abs(values).max())))


def _with_unit_diagonal(similarity: NDArray[np.float64]) -> NDArray[np.float64]:
    similarity = np.clip((similarity + similarity.T) / 2, -1.0, 1.0)
    np.fill_diagonal(similarity, 1.0)
    return similarity

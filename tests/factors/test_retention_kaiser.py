from __future__ import annotations

import numpy as np
import pytest
from planted_scores import independent_scores, planted_scores

from persona_big5.errors import NotEstimableError
from persona_big5.factors.kaiser import empirical_kaiser


def test_references_and_counts_equal_r(reference, dataset, kind):
    expected = reference.read(dataset, "adequacy_retention")[kind]
    found = empirical_kaiser(reference.correlation(dataset, kind), expected["n_obs"])
    shown = expected["ekc"]["reference"]
    np.testing.assert_allclose(found.references[: len(shown)], shown, rtol=0, atol=1e-8)
    assert found.n_factors == expected["ekc"]["n_factors"]


def test_references_by_hand():
    """Equal correlations .5 of 4 items: eigenvalues 2.5, .5, .5, .5; n = 100."""
    found = empirical_kaiser(np.full((4, 4), 0.5) + 0.5 * np.eye(4), 100)
    np.testing.assert_allclose(found.references, [1.2**2, 1, 1, 1])  # (4 - 2.5) / 3 * 1.44 = .72 is below 1
    assert found.n_factors == 1
    assert "1 factors; eigenvalues (references): 2.500 (1.440), 0.500 (1.000)" in str(found)


def test_finds_what_was_planted_and_nothing_where_nothing_was():
    none = [empirical_kaiser(np.corrcoef(independent_scores(seed).T), 200).n_factors for seed in range(50)]
    three = [empirical_kaiser(np.corrcoef(planted_scores(seed).T), 200).n_factors for seed in range(50)]
    assert none.count(0) >= 48
    assert three.count(3) >= 45


def test_not_on_an_indefinite_matrix():
    indefinite = np.array([[1.0, 0.9, 0.9], [0.9, 1.0, -0.9], [0.9, -0.9, 1.0]])
    with pytest.raises(NotEstimableError, match=r"positive definite matrix; the smallest eigenvalue is -0\.8"):
        empirical_kaiser(indefinite, 100)
    scores = independent_scores(1, n=10)
    with pytest.raises(NotEstimableError, match="positive definite"):
        empirical_kaiser(np.corrcoef(scores.T), 10)

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest

from persona_big5.errors import DataError, NotEstimableError
from persona_big5.factors import bootstrap as module
from persona_big5.factors.bootstrap import bootstrap_loadings, loading_intervals, resampled_correlations
from persona_big5.factors.congruence import align
from persona_big5.factors.correlation import pearson
from persona_big5.factors.extraction import fit_factors


def planted(seed: int, n: int = 300, loading: float = 0.7) -> tuple[np.ndarray, np.ndarray]:
    """Scores of two correlated factors with five items each, and their pattern."""
    rng = np.random.default_rng(seed)
    pattern = np.kron(np.eye(2), np.full((5, 1), loading))
    factors = rng.standard_normal((n, 2)) @ np.linalg.cholesky([[1, 0.3], [0.3, 1]]).T
    return factors @ pattern.T + np.sqrt(1 - loading**2) * rng.standard_normal((n, 10)), pattern


def test_standard_deviations_equal_psych_and_it_takes_less_than_two_and_a_half_seconds(reference):
    """psych has 100 resamples: each of its standard deviations is known to 7 % (4 of them allowed), the mean to 3 %."""
    scores = reference.scores("bfi")
    theirs = reference.read("bfi", "bootstrap_loadings")
    solution = fit_factors(pearson(scores).matrix, 5)
    matched = align(solution.loadings, reference.matrix(theirs["loadings"]))
    began = time.process_time()
    found = bootstrap_loadings(scores, solution, draws=1000, seed=1)
    assert time.process_time() - began < 2.5
    assert (found.draws, found.failed) == (1000, 0)
    ratio = found.sd[:, matched.permutation] / reference.matrix(theirs["boot_sd"])
    assert ratio.mean() == pytest.approx(1, abs=0.03)
    np.testing.assert_allclose(ratio, 1, rtol=0, atol=0.29)
    ends = reference.matrix(theirs["ci"]).reshape(25, 2, 5)
    width = (found.high - found.low)[:, matched.permutation]
    assert (width / (ends[:, 1] - ends[:, 0])).mean() == pytest.approx(1, abs=0.03)


@pytest.mark.parametrize("missing", [0.0, 0.1])
def test_resampled_correlations_equal_those_of_repeated_rows(monkeypatch, missing):
    rng = np.random.default_rng(2)
    scores = rng.integers(1, 6, (40, 6)) * 1.0 + 1e4
    scores[rng.random(scores.shape) < missing] = np.nan
    drawn = rng.integers(40, size=(5, 40))
    counts = np.stack([np.bincount(rows, minlength=40) for rows in drawn]).astype(float)
    monkeypatch.setattr(module, "_NUMBERS_AT_ONCE", 1000)  # several blocks of rows
    for found, rows in zip(resampled_correlations(scores, counts), drawn, strict=True):
        np.testing.assert_allclose(found, pearson(scores[rows]).matrix, rtol=0, atol=1e-10)


def test_a_constant_item_has_no_correlations():
    scores = planted(1, 30)[0]
    scores[:, 3] = 2.0
    found = resampled_correlations(scores, np.ones((2, 30)))
    assert np.isnan(found[:, 3]).all()
    assert np.isfinite(np.delete(np.delete(found, 3, 1), 3, 2)).all()


@pytest.mark.parametrize(("method", "rotation"), [("minres", "oblimin"), ("ml", "varimax"), ("paf", "promax")])
def test_planted_loadings_are_covered(method, rotation):
    """Over 30 worlds the 95 % intervals cover planted loadings in 90 to 99 %, whatever the method."""
    covered = []
    for seed in range(30):
        scores, pattern = planted(seed)
        solution = fit_factors(pearson(scores).matrix, 2, method=method, rotation=rotation)
        truth = align(fit_factors(_implied(pattern), 2, method="minres", rotation=rotation).loadings, solution.loadings)
        found = bootstrap_loadings(scores, solution, draws=200, seed=seed)
        covered.append((found.low <= truth.loadings) & (truth.loadings <= found.high))
    assert 0.90 <= np.mean(covered) <= 0.99


def _implied(pattern: np.ndarray) -> np.ndarray:
    R = pattern @ np.array([[1, 0.3], [0.3, 1]]) @ pattern.T
    np.fill_diagonal(R, 1.0)
    return R


def test_the_same_seed_gives_the_same_intervals_in_blocks_or_not(monkeypatch):
    scores, _ = planted(3, 100)
    solution = fit_factors(pearson(scores).matrix, 2)
    first = bootstrap_loadings(scores, solution, draws=50, seed=4)
    other = bootstrap_loadings(scores, solution, draws=50, seed=5)
    monkeypatch.setattr(module, "_NUMBERS_AT_ONCE", 1700)
    again = bootstrap_loadings(scores, solution, draws=50, seed=4)
    np.testing.assert_allclose(again.low, first.low, rtol=0, atol=1e-9)
    assert np.abs(other.low - first.low).max() > 1e-3
    assert str(first).startswith("95 % intervals of loadings from 50 resamples (0 failed), 0.")


def test_resamples_in_which_an_item_is_constant_are_counted():
    scores, _ = planted(5, 60)
    scores[:, 0] = 0.0
    scores[:4, 0] = 1.0  # no 1 among the rows drawn in e^-4 of the resamples
    solution = fit_factors(pearson(scores).matrix, 2)
    found = bootstrap_loadings(scores, solution, draws=400, seed=1)
    assert found.failed > 0
    assert found.draws + found.failed == 400
    assert np.isfinite(found.low).all()


def test_what_cannot_be_resampled_says_so():
    scores, _ = planted(6, 60)
    solution = fit_factors(pearson(scores).matrix, 2)
    with pytest.raises(DataError, match="scores of 9 items, a solution of 10"):
        bootstrap_loadings(scores[:, 1:], solution, draws=20)
    with pytest.raises(DataError, match="5 resamples give no 95 % interval"):
        bootstrap_loadings(scores, solution, draws=5)
    with pytest.raises(NotEstimableError, match=r"only \d+ of 40 resamples gave as many factors"):
        bootstrap_loadings(scores[:8], replace(solution, method="ml"), draws=40)  # never positive definite
    failed = np.full((20, 4, 1), np.nan)
    with pytest.raises(NotEstimableError, match="only 0 of 20 resamples"):
        loading_intervals(failed)


@pytest.mark.parametrize("rows", [1, 3, 5])
def test_too_few_respondents_give_a_reason(rows):
    scores, _ = planted(7, 60)
    solution = fit_factors(pearson(scores).matrix, 2)
    with pytest.raises(NotEstimableError, match="resamples gave as many factors"):
        bootstrap_loadings(scores[:rows], solution, draws=40)


def test_fewer_respondents_than_items_give_wide_intervals():
    scores, _ = planted(7, 60)
    solution = fit_factors(pearson(scores).matrix, 2)
    few, many = (bootstrap_loadings(scores[:rows], solution, draws=40) for rows in (8, 60))
    assert np.isfinite(few.high - few.low).all()
    assert (few.sd > many.sd).mean() > 0.9

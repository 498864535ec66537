from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from persona_big5.errors import DataError, NotEstimableError
from persona_big5.factors.correlation import correlation_of
from persona_big5.validity.acquiescence import acquiescence_factor, centred_within, remove_acquiescence

ITEMS = 8


def content(k: int, *, reversed_items: int = 4, seed: int = 0, equal: bool = False):
    """Loadings of k scales of 8 items signed by key, keys and scale of each item."""
    random = np.random.default_rng(seed)
    keyed = np.tile(np.repeat([1.0, -1.0], [ITEMS - reversed_items, reversed_items]), k)
    scale = np.repeat([f"scale-{s}" for s in range(k)], ITEMS)
    size = np.full(k * ITEMS, 0.7) if equal else random.uniform(0.5, 0.85, k * ITEMS)
    return np.where(scale[:, None] == np.unique(scale), (keyed * size)[:, None], 0.0), keyed, scale


def covariance_of(loadings, acquiescence_sd):
    Phi = 0.3 + 0.7 * np.eye(loadings.shape[1])
    return loadings @ Phi @ loadings.T + np.diag(1 - (loadings**2).sum(axis=1)) + acquiescence_sd**2


def n_factors(C, null):
    eigenvalues = np.linalg.eigvalsh(correlation_of(C))[::-1]
    return int(np.logical_and.accumulate(eigenvalues > null).sum())


@pytest.mark.parametrize("reversed_items", [4, 2])
@pytest.mark.parametrize("k", [1, 3, 5])
def test_one_factor_less_without_acquiescence_and_none_less_where_there_is_none(k, reversed_items):
    """200 respondents x 5 runs, ICC .5, acquiescence SD .3 of an answer's SD of 1; run noise is subtracted."""
    p = k * ITEMS
    random = np.random.default_rng(k)

    def corrected(C):
        means = np.cov(random.multivariate_normal(np.zeros(p), C + np.eye(p) / 10, 200), rowvar=False)
        return means - np.cov(np.sqrt(0.5) * random.standard_normal((800, p)), rowvar=False) / 5

    null = np.percentile(
        [np.linalg.eigvalsh(correlation_of(corrected(np.eye(p) / 2)))[::-1] for _ in range(100)], 95, axis=0
    )
    worlds = 40
    counts = {}
    for sd in (0.3, 0.0):
        found, shares = [], []
        for seed in range(worlds):
            loadings, keyed, scale = content(k, reversed_items=reversed_items, seed=seed)
            C = corrected(covariance_of(loadings, 0.0) / 2 + sd**2)
            after, share = remove_acquiescence(C, keyed, scale)
            found.append((n_factors(C, null), n_factors(after, null)))
            shares.append(share)
        counts[sd] = np.array(found)
        assert np.mean(shares) == pytest.approx(sd**2 / (0.5 + sd**2), abs=0.02)
    before, after = counts[0.3].T
    if reversed_items == 4:
        assert (before == k + 1).mean() >= 0.9
    assert (after == k).mean() >= 0.9
    before, after = counts[0.0].T
    assert (before == k).mean() >= 0.9
    assert (after == k).mean() >= 0.9


@given(reversed_items=st.integers(2, 6), k=st.integers(1, 4), sd=st.floats(0.1, 2), seed=st.integers(0, 1000))
@settings(max_examples=40, deadline=None)
def test_known_covariances_with_equal_loadings_are_given_back_exactly(reversed_items, k, sd, seed):
    loadings, keyed, scale = content(k, reversed_items=reversed_items, equal=True)
    order = np.random.default_rng(seed).permutation(len(keyed))
    pick = np.ix_(order, order)
    before, without = covariance_of(loadings, sd)[pick], covariance_of(loadings, 0.0)[pick]
    after, share = remove_acquiescence(before, keyed[order], scale[order])
    np.testing.assert_allclose(after, without, atol=1e-9)
    assert share == pytest.approx(sd**2 / (1 + sd**2), abs=1e-9)
    again, none = remove_acquiescence(after, keyed[order], scale[order])
    np.testing.assert_allclose(again, after, atol=1e-7)
    assert none == pytest.approx(0.0, abs=1e-8)


def test_agreement_correlated_with_a_trait_goes_too():
    loadings, keyed, scale = content(2, equal=True)
    a_with_content = 0.3 * loadings.sum(axis=1)
    before = covariance_of(loadings, 0.5) + a_with_content[:, None] + a_with_content
    after, _ = remove_acquiescence(before, keyed, scale)
    np.testing.assert_allclose(after, covariance_of(loadings, 0.0), atol=1e-9)


def test_unequal_loadings_of_the_two_directions_leave_a_quarter_of_their_squared_difference():
    loadings, keyed, scale = content(1, equal=True)
    loadings = np.where(keyed[:, None] > 0, loadings, 0.8 * loadings)
    after, share = remove_acquiescence(covariance_of(loadings, 0.0), keyed, scale)
    assert share == pytest.approx(0.14**2 / 4, abs=1e-4)
    assert np.linalg.eigvalsh(after)[-2] < 1  # no second factor comes of it


def test_one_scale_keyed_both_ways_is_enough_and_an_indefinite_matrix_is_no_obstacle():
    loadings, keyed, scale = content(3, equal=True)
    keyed[ITEMS:] = 1.0
    loadings = np.abs(loadings) * keyed[:, None]
    C = covariance_of(loadings, 0.4) - 0.55 * np.eye(len(keyed))
    assert np.linalg.eigvalsh(C)[0] < 0
    after, _ = remove_acquiescence(C, keyed, scale)
    np.testing.assert_allclose(after, C - 0.16, atol=1e-9)


def test_what_cannot_be_told_from_content():
    loadings, keyed, scale = content(2, equal=True)
    C = covariance_of(loadings, 0.3)
    for one_way in (np.ones(16), np.where(scale == "scale-0", 1, -1), np.r_[-1, np.ones(15)]):
        with pytest.raises(NotEstimableError, match="at least two items in each direction"):
            remove_acquiescence(C, one_way, scale)
    twice_one = np.ones(16)
    twice_one[[0, 8]] = -1
    assert np.isfinite(remove_acquiescence(C, twice_one, scale)[0]).all()
    with pytest.raises(NotEstimableError, match="undefined for 16 of 16 items"):
        remove_acquiescence(np.full_like(C, np.nan), keyed, scale)
    with pytest.raises(NotEstimableError, match="no variance"):
        remove_acquiescence(np.zeros_like(C), keyed, scale)


def test_mistakes_are_named():
    _, keyed, scale = content(1)
    with pytest.raises(DataError, match=r"square; this has shape \(8, 7\)"):
        remove_acquiescence(np.ones((8, 7)), keyed, scale)
    with pytest.raises(DataError, match="symmetric"):
        remove_acquiescence(np.triu(np.ones((8, 8))), keyed, scale)
    with pytest.raises(DataError, match="8 items need as many names of scales; got 2"):
        remove_acquiescence(np.eye(8), keyed, ["one", "two"])
    with pytest.raises(DataError, match=r"8 values of \+1 or -1"):
        remove_acquiescence(np.eye(8), np.zeros(8), scale)


@pytest.mark.parametrize("sd", [0.0, 0.4])
@pytest.mark.parametrize("k", [1, 2, 5])
def test_known_models_are_given_back_by_the_factor(k, sd):
    loadings, keyed, scale = content(k, seed=7, reversed_items=3)
    Phi = 0.3 + 0.7 * np.eye(k)
    C = loadings @ Phi @ loadings.T + np.diag(1 - (loadings**2).sum(axis=1)) + sd**2
    found = acquiescence_factor(4 * C, keyed, scale)
    assert found.converged
    assert found.variance == pytest.approx(4 * sd**2, abs=1e-5)
    assert found.share == pytest.approx(sd**2 / (1 + sd**2), abs=1e-5)
    assert np.abs(found.content) == pytest.approx(2 * np.abs(loadings).sum(axis=1), abs=1e-4)
    assert found.loadings == pytest.approx(sd / np.sqrt(1 + sd**2), abs=4e-3)
    assert found.srmr == pytest.approx(0.0, abs=1e-4)
    assert (found.srmr_without > 0.02) == (sd > 0)
    assert str(found).startswith(f"acquiescence factor: variance {found.variance:.3f}")


def test_factor_of_a_sample_is_near_the_planted_one_and_the_projection():
    loadings, keyed, scale = content(3, seed=1)
    random = np.random.default_rng(2)
    C = np.cov(random.multivariate_normal(np.zeros(24), covariance_of(loadings, 0.5), 600), rowvar=False)
    found = acquiescence_factor(C, keyed, scale)
    assert found.variance == pytest.approx(0.25, abs=0.05)
    assert found.share == pytest.approx(remove_acquiescence(C, keyed, scale)[1], abs=0.01)
    assert found.srmr < 0.04 < 0.1 < found.srmr_without
    indefinite = acquiescence_factor(C - 0.6 * np.eye(24), keyed, scale)
    assert indefinite.variance == pytest.approx(found.variance, abs=1e-5)
    with pytest.raises(NotEstimableError, match="cannot be told from content"):
        acquiescence_factor(C, np.ones(24), scale)
    alone = np.zeros((len(keyed), len(keyed)))
    alone[0, 0] = 1.0
    with pytest.raises(NotEstimableError, match=f"1 of {len(keyed)} items vary at all"):
        acquiescence_factor(alone, keyed, scale)


def five_unrelated_scales(keys, agreeing=0.0, seed=3):
    random = np.random.default_rng(seed)
    traits = np.repeat(random.standard_normal((4000, 5)), 8, axis=1)
    return traits * keys + agreeing * random.standard_normal((4000, 1)) + 0.5 * random.standard_normal((4000, 40))


def scale_correlations(scores, keys):
    R = np.corrcoef((scores * keys).reshape(len(scores), 5, 8).mean(axis=2), rowvar=False)
    return R[np.triu_indices(5, 1)]


def test_centring_takes_agreement_off_balanced_sets_and_nothing_else():
    keys = np.tile([1, -1], 20)
    scores = five_unrelated_scales(keys, agreeing=1.0)
    centred = centred_within(scores, keys)
    assert centred.mean(axis=1) == pytest.approx(0.0, abs=1e-12)
    assert np.abs(scale_correlations(centred, keys)).max() < 0.06
    traits = five_unrelated_scales(keys)
    pairs = [np.corrcoef(before, after)[0, 1] for before, after in zip(traits.T, centred.T, strict=True)]
    assert min(pairs) > 0.95
    scores[0, keys > 0] = np.nan
    scores[1, 0] = np.nan
    assert np.isnan(centred_within(scores, keys)[0]).all()
    assert np.isnan(centred_within(scores, keys)[1]).sum() == 1


def test_centring_unbalanced_sets_makes_unrelated_scales_correlate():
    keys = np.ones(40, dtype=int)
    scores = five_unrelated_scales(keys)
    assert np.abs(scale_correlations(scores, keys)).max() < 0.06
    forced = scores - scores.mean(axis=1, keepdims=True)
    assert scale_correlations(forced, keys).mean() == pytest.approx(-0.25, abs=0.01)
    assert scale_correlations(forced, keys).max() < -0.15
    with pytest.raises(NotEstimableError, match="there are 40 and 0: the average would hold content"):
        centred_within(scores, keys)
    with pytest.raises(DataError, match="40 values"):
        centred_within(scores, keys[:3])

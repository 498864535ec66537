"""Similarity of texts and correlations: the test keeps its level, and what was planted is partialled out."""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from persona_big5.errors import DataError, NotEstimableError
from persona_big5.validity.semantics import embedding_similarity, mantel, partial_out, text_similarity

SCALES = np.repeat(np.arange(4), 6)
TOGETHER = (SCALES[:, None] == SCALES).astype(float)
STRUCTURE = np.where(np.eye(24) > 0, 1.0, 0.4 * TOGETHER)


def sample(R, n, random):
    return np.corrcoef((random.standard_normal((n, len(R))) @ np.linalg.cholesky(R).T).T)


def random_similarity(random, p=24):
    return embedding_similarity(random.standard_normal((p, 6)))


def test_p_is_uniform_where_structure_and_texts_are_strangers():
    """300 worlds: rejected at .05 and at .20 as often as said (standard errors .013 and .023)."""
    random = np.random.default_rng(0)
    found = [
        mantel(sample(STRUCTURE, 100, random), random_similarity(random), permutations=999, seed=seed)
        for seed in range(300)
    ]
    for p in (np.array([one.p_greater for one in found]), np.array([one.p_two_sided for one in found])):
        assert 0.02 <= (p <= 0.05).mean() <= 0.09
        assert 0.13 <= (p <= 0.20).mean() <= 0.27
        assert p.mean() == pytest.approx(0.5, abs=0.05)


def test_texts_that_mirror_the_structure_are_seen():
    random = np.random.default_rng(1)
    mirror = 0.5 * TOGETHER + 0.2 * random_similarity(random)
    found = mantel(sample(STRUCTURE, 200, random), mirror)
    assert found.r > 0.7
    assert found.p_greater == found.p_two_sided == pytest.approx(1e-4)
    assert found.null_95 < 0.2
    assert str(found).startswith("Mantel r = 0.")


def test_scale_membership_alone_is_no_wording_within_scales():
    """Content makes scales, scales share words: seen over all items, not when items stay within their scale."""
    random = np.random.default_rng(2)
    rejected = []
    for seed in range(60):
        R, mirror = sample(STRUCTURE, 200, random), 0.5 * TOGETHER + 0.3 * random_similarity(random)
        assert mantel(R, mirror, permutations=999, seed=seed).p_greater < 0.01
        rejected.append(mantel(R, mirror, permutations=999, groups=SCALES, seed=seed).p_greater <= 0.05)
    assert np.mean(rejected) < 0.15
    wording = random_similarity(random)
    worded = sample(0.6 * STRUCTURE + 0.4 * wording, 400, random)
    assert mantel(worded, wording, permutations=999, groups=SCALES).p_greater <= 0.01


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), p=st.integers(4, 9))
def test_permutations_at_once_are_the_loop(seed, p):
    random = np.random.default_rng(seed)
    A, B = (embedding_similarity(random.standard_normal((p, 3))) for _ in range(2))
    found = mantel(A, B, permutations=999, seed=seed)
    rows, columns = np.triu_indices(p, 1)
    assert found.r == pytest.approx(np.corrcoef(A[rows, columns], B[rows, columns])[0, 1], abs=1e-12)
    draws = np.random.default_rng(seed).permuted(np.broadcast_to(np.arange(p), (999, p)), axis=1)
    null = np.array([np.corrcoef(A[rows, columns], B[np.ix_(o, o)][rows, columns])[0, 1] for o in draws])
    assert found.p_greater == (1 + (null >= found.r - 1e-12).sum()) / 1000
    assert found.p_two_sided == (1 + (np.abs(null) >= abs(found.r) - 1e-12).sum()) / 1000
    assert found.null_95 == pytest.approx(np.percentile(null, 95), abs=1e-12)


def test_ten_thousand_permutations_of_a_hundred_items_take_less_than_two_seconds():
    random = np.random.default_rng(0)
    A, B = random_similarity(random, 100), random_similarity(random, 100)
    mantel(A, B, permutations=999)
    taken = []
    for _ in range(3):
        begun = time.process_time()
        mantel(A, B, permutations=10_000)
        taken.append(time.process_time() - begun)
    assert min(taken) <= 2.0


def test_structure_that_is_wording_goes_and_structure_that_is_not_stays():
    random = np.random.default_rng(4)
    R = sample(STRUCTURE, 5000, random)
    gone = partial_out(R, 0.5 * TOGETHER + 0.02 * random_similarity(random))
    assert gone.eigenvalues[0] < 1.2
    assert gone.r_squared > 0.9
    assert gone.slope == pytest.approx(0.8, abs=0.05)
    stays = partial_out(R, random_similarity(random))
    assert (stays.eigenvalues[:4] > 2.2).all()
    assert stays.eigenvalues[4] < 1
    assert stays.r_squared < 0.05
    for one in (gone, stays):
        assert np.linalg.eigvalsh(one.correlations)[0] > 0
        np.testing.assert_allclose(np.diag(one.correlations), 1.0)


def test_a_general_factor_that_texts_say_nothing_of_stays():
    general = np.full((24, 24), 0.4) + 0.6 * np.eye(24)
    left = partial_out(sample(general, 5000, np.random.default_rng(5)), 0.3 + 0.5 * TOGETHER)
    assert left.eigenvalues[0] > 9
    assert left.intercept == pytest.approx(0.4, abs=0.02)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1000), zero=st.floats(-3, 3), unit=st.floats(0.1, 10))
def test_unit_and_zero_point_of_a_similarity_do_not_matter(seed, zero, unit):
    random = np.random.default_rng(seed)
    R, S = sample(STRUCTURE, 50, random), random_similarity(random)
    one, other = partial_out(R, S), partial_out(R, zero + unit * S)
    np.testing.assert_allclose(other.correlations, one.correlations, rtol=0, atol=1e-6)
    assert other.slope * unit == pytest.approx(one.slope, abs=1e-9)
    assert mantel(R, zero + unit * S, permutations=999).p_greater == mantel(R, S, permutations=999).p_greater


def test_texts_are_alike_by_their_stems_whatever_the_sentence_around_them():
    texts = [
        "I am someone who keeps things organised.",
        "I am someone who is disorganised.",
        "I am someone who talks a lot.",
        "I am someone who is talkative.",
        "ordnung ist das halbe leben",
    ]
    S = text_similarity(texts)
    assert S[0, 1] > max(S[0, 2], S[0, 3], S[1, 2])
    assert S[2, 3] > max(S[0, 2], S[1, 2], S[0, 3])
    assert S[4, :4].max() < 0.1
    np.testing.assert_allclose(np.diag(S), 1.0)
    np.testing.assert_array_equal(S, S.T)
    assert np.linalg.eigvalsh(S)[0] > -1e-12
    assert text_similarity(["the same", "the same"])[0, 1] == pytest.approx(1.0)
    assert text_similarity(["你好世界", "你好", "zzz"])[0, 2] == 0


def test_items_written_for_one_dimension_share_words(shared):
    """240 published items of 12 dimensions: whoever finds these dimensions in answers has wording to rule out."""
    items = pd.read_csv(shared / "real" / "item_pools" / "llm_native_items_contreras_ccby4.csv")
    dimension = items["dimension"].to_numpy()
    found = mantel(
        (dimension[:, None] == dimension).astype(float), text_similarity(items["item_text"].tolist()), permutations=999
    )
    assert found.r == pytest.approx(0.21, abs=0.02)
    assert found.p_greater == 0.001


def test_embeddings_are_compared_by_their_angle():
    np.testing.assert_allclose(
        embedding_similarity(np.array([[1.0, 0.0], [2.0, 0.0], [0.0, 3.0], [-1.0, 0.0]]))[0], [1, 1, 0, -1]
    )
    with pytest.raises(DataError, match="embedding of item 2 is all zeros"):
        embedding_similarity(np.array([[1.0, 0.0], [0.0, 0.0]]))
    with pytest.raises(DataError, match="no items x dimensions table"):
        embedding_similarity(np.array([[1.0, np.nan]]))


def test_mistakes_and_empty_questions_are_named():
    S = random_similarity(np.random.default_rng(0))
    with pytest.raises(DataError, match=r"shape \(24, 24\) and \(4, 4\) are not of the same items"):
        mantel(S, S[:4, :4])
    with pytest.raises(DataError, match="10 permutations are too few"):
        mantel(S, S, permutations=10)
    with pytest.raises(DataError, match="symmetric"):
        mantel(S, np.triu(S))
    with pytest.raises(DataError, match="undefined"):
        mantel(S, np.where(TOGETHER > 0, S, np.nan))
    with pytest.raises(NotEstimableError, match="3 items: at least 4 are needed"):
        mantel(S[:3, :3], S[:3, :3])
    with pytest.raises(NotEstimableError, match="all 276 pairs of items are alike"):
        mantel(S, np.ones((24, 24)))
    with pytest.raises(NotEstimableError, match="no group has two items"):
        mantel(S, S, groups=np.arange(24))
    with pytest.raises(NotEstimableError, match="equally similar"):
        partial_out(STRUCTURE, np.ones((24, 24)))
    with pytest.raises(DataError, match="texts 2 of 3 have no letter or digit"):
        text_similarity(["a word", " ?! ", "another"])
    assert partial_out(np.eye(24), S).r_squared == 0

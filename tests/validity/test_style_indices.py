"""Desirability, infrequent answers, antonyms, and what style would make of a component."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from persona_big5.errors import DataError, NotEstimableError
from persona_big5.factors.congruence import tucker_phi
from persona_big5.validity.acquiescence import remove_acquiescence
from persona_big5.validity.component_style import style_of_component
from persona_big5.validity.desirability import desirability
from persona_big5.validity.inconsistency import antonym_pairs, inconsistency
from persona_big5.validity.infrequency import infrequency


@pytest.fixture(scope="module")
def llms(shared):
    """Means of 214 llms over both orders of the options, 44 items in raw direction, with their keys and scales."""
    folder = shared / "real" / "pwp_bfillm"
    items = pd.read_csv(folder / "items.csv").set_index("item_id")
    items = items[items["scale"] != "social-desirability"]
    table = pd.read_csv(folder / "long.csv.gz")
    table = table[table["item_id"].isin(items.index)]
    answered = table.groupby("model")["score"].count() / table.groupby("model").size()
    table = table[table["model"].map(answered) > 0.5]
    wide = table.pivot_table(index="model", columns="item_id", values="score")[items.index]
    assert wide.shape == (214, 44)
    good = np.where(items["scale"] == "Neuroticism", -items["keyed"], items["keyed"])
    return wide, items["keyed"].to_numpy(), items["scale"].to_numpy(object), good


def test_components_of_real_answers_are_evaluation_and_acquiescence(llms):
    wide, keyed, scale, good = llms
    vectors = np.linalg.eigh(wide.corr().to_numpy())[1]
    first, second = (style_of_component(vectors[:, -j], keyed, scale) for j in (1, 2))
    assert first.content == pytest.approx(0.86, abs=0.005)
    assert second.agreement == pytest.approx(0.93, abs=0.005)
    assert first.agreement < 0.3 > abs(tucker_phi(vectors[:, -2:-1], good[:, None])[0, 0])
    assert first.content == pytest.approx(abs(tucker_phi(vectors[:, -1:], good[:, None])[0, 0]), abs=1e-12)
    C = wide.cov().to_numpy()
    after, share = remove_acquiescence(C, keyed, scale)
    assert 0.1 < share < 0.25
    sd = np.sqrt(np.diag(after))
    left = np.linalg.eigh(after / np.outer(sd, sd))[1]
    assert style_of_component(left[:, -1], keyed, scale).content > 0.85
    assert style_of_component(left[:, -2], keyed, scale).agreement < 0.3
    eigenvalues = np.linalg.eigvalsh(wide.corr().to_numpy())[::-1]
    assert eigenvalues[1] > 2 * np.linalg.eigvalsh(after / np.outer(sd, sd))[-2]


def test_a_component_has_no_direction_and_its_scales_may_point_either_way():
    keys, scale = np.array([1.0, -1, 1, -1]), ["a", "a", "b", "b"]
    for loadings in (-keys, np.array([1.0, -1, -1, 1])):
        found = style_of_component(loadings, keys, scale)
        assert (found.agreement, found.content) == pytest.approx((0, 1))
    agreeing = style_of_component(np.ones(4), keys, scale)
    assert str(agreeing) == "phi with agreeing 1.00, with the content of the scales 0.00"
    for loadings in (np.zeros(4), np.array([1, np.nan, 1, 1]), np.ones((4, 2))):
        with pytest.raises(DataError, match="loadings of one component"):
            style_of_component(loadings, keys, scale)
    with pytest.raises(DataError, match="4 items need as many names of scales; got 3"):
        style_of_component(np.ones(4), keys, scale[:3])


def test_desirability_by_hand_and_planted():
    ratings = np.array([1.0, 2, 3, 4, np.nan])
    scores = np.array(
        [[1, 2, 3, 4, 9], [4, 3, 2, 1, 0], [2, 2, 2, 2, 5], [1, np.nan, np.nan, 4, 1], [1, 3, 2, np.nan, 1]]
    )
    found = desirability(scores, ratings)
    expected = [1, -1, np.nan, np.nan, np.corrcoef([1, 3, 2], [1, 2, 3])[0, 1]]
    assert found.by_respondent == pytest.approx(np.array(expected), nan_ok=True)
    assert (found.n_items, found.n_respondents) == (4, 3)
    assert found.mean == pytest.approx(np.nanmean(expected))
    random = np.random.default_rng(1)
    virtue = random.uniform(0, 2, (300, 1))
    rated = random.integers(1, 6, 60).astype(float)
    planted = desirability(3 + virtue * (rated - 3) + random.standard_normal((300, 60)), rated)
    assert scipy.stats.spearmanr(planted.by_respondent, virtue[:, 0]).statistic > 0.9
    nobody = desirability(random.standard_normal((300, 60)), rated)
    assert nobody.mean == pytest.approx(0, abs=0.03)
    assert nobody.sd == pytest.approx(1 / np.sqrt(59), abs=0.02)


def test_desirability_that_cannot_be_known():
    with pytest.raises(NotEstimableError, match="at least 3 items whose ratings differ; 2 are rated"):
        desirability(np.ones((4, 3)), np.array([1, 2, np.nan]))
    with pytest.raises(NotEstimableError, match="ratings differ; 3 are rated"):
        desirability(np.ones((4, 3)), np.ones(3))
    with pytest.raises(NotEstimableError, match="nobody"):
        desirability(np.ones((4, 3)), np.arange(3.0))
    with pytest.raises(DataError, match="3 items need as many ratings of desirability; got 2"):
        desirability(np.ones((4, 3)), np.ones(2))


def test_infrequent_answers_are_those_hardly_anyone_else_gives():
    random = np.random.default_rng(2)
    scores = random.choice([3.0, 4.0, 5.0], (100, 20))
    scores[0] = 1.0
    scores[1, :10] = 2.0
    scores[2, 0] = np.nan
    found = infrequency(scores, np.arange(100), np.full(20, 5.0))
    assert found.by_respondent[:2] == pytest.approx([1.0, 0.5])
    assert (found.by_respondent[2:] == 0).all()
    assert found.mean == pytest.approx(0.015)
    assert found.expected == pytest.approx(0.4)
    again = infrequency(np.repeat(scores, 3, axis=0), np.repeat(np.arange(100), 3), np.full(20, 5.0))
    assert again.by_respondent == pytest.approx(found.by_respondent)  # one's own repetitions are no others
    assert "20 items" in str(found)


def test_infrequent_answers_that_cannot_be_known():
    with pytest.raises(NotEstimableError, match="at least two respondents"):
        infrequency(np.ones((3, 2)), np.zeros(3, dtype=int))
    with pytest.raises(NotEstimableError, match="item 1 has 30 distinct values"):
        infrequency(np.arange(30.0)[:, None], np.arange(30))
    with pytest.raises(DataError, match="3 rows need as many codes"):
        infrequency(np.ones((3, 2)), np.zeros(2, dtype=int))


PAIRS = np.array([[0, 1], [2, 3]])
LOW, HIGH = np.ones(4), np.full(4, 5.0)


def test_inconsistency_of_opposites():
    random = np.random.default_rng(3)
    respondent = np.repeat(np.arange(200), 3)
    answers = random.integers(1, 6, (600, 2)).astype(float)
    consistent = np.column_stack([answers[:, 0], 6 - answers[:, 0], answers[:, 1], 6 - answers[:, 1]])
    assert inconsistency(consistent, respondent, PAIRS, LOW, HIGH).ratio == 0
    careless = inconsistency(random.integers(1, 6, (600, 4)).astype(float), respondent, PAIRS, LOW, HIGH)
    assert careless.ratio == pytest.approx(1, abs=0.05)
    assert careless.random == pytest.approx(1.6 / 4, abs=0.02)
    agreeing = np.repeat(answers[:, :1], 4, axis=1)
    assert inconsistency(agreeing, respondent, PAIRS, LOW, HIGH).ratio > 1.2
    always = inconsistency(np.full((600, 4), 5.0), respondent, PAIRS, LOW, HIGH)
    assert (always.mean, always.ratio) == (1, 1)
    half = np.where((respondent < 100)[:, None], consistent, 5.0)
    found = inconsistency(half, respondent, PAIRS, LOW, HIGH)
    assert found.by_respondent[[0, 150]] == pytest.approx([0, 1])
    assert str(found).endswith("(2 pairs)")


def test_random_distance_is_that_of_all_pairings():
    random = np.random.default_rng(4)
    scores = random.integers(1, 6, (40, 2)).astype(float)
    found = inconsistency(scores, np.arange(40), np.array([[0, 1]]), np.ones(2), np.full(2, 5.0))
    every = np.abs(scores[:, None, 0] - (6 - scores[None, :, 1])).mean() / 4
    assert found.random == pytest.approx(every, abs=1e-12)


def test_antonyms_are_partners_within_their_scale():
    random = np.random.default_rng(5)
    traits = random.standard_normal((300, 3))
    scores = np.column_stack([traits[:, 0], traits[:, 1], -traits[:, 1], -traits[:, 0], traits[:, 2], traits[:, 2]])
    scores = scores + 0.3 * random.standard_normal(scores.shape)
    keys = np.array([1, 1, -1, -1, 1, 1])
    scale = np.array(["one"] * 4 + ["two"] * 2, dtype=object)
    assert antonym_pairs(scores, keys, scale).tolist() == [[0, 3], [1, 2]]
    assert len(antonym_pairs(scores, np.ones(6, dtype=int), scale)) == 0
    with pytest.raises(NotEstimableError, match="no pair of opposite items"):
        inconsistency(scores, np.arange(300), np.zeros((0, 2), dtype=int), np.zeros(6), np.ones(6))
    with pytest.raises(DataError, match="do not fit"):
        inconsistency(scores, np.arange(300), np.array([[0, 3]]), np.ones(6), np.ones(6))

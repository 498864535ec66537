from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from persona_big5.errors import DataError, NotEstimableError
from persona_big5.factors.correlation import correlation_of
from persona_big5.validity.reliability import alpha_of, r_positive_negative
from persona_big5.variance.covariance import pairwise_covariance

DATA_FILES = {
    "bfi": "bfi.csv",
    "sai": "sai.csv",
    "msqR": "msqR.csv.gz",
    "sim_ordinal": "sim_ordinal.csv.gz",
    "sim_two_level": "sim_two_level.csv.gz",
}


@pytest.mark.parametrize("dataset", DATA_FILES)
def test_alpha_equals_psych(shared, dataset):
    reference = shared / "reference"
    expected = json.loads((reference / "ref" / dataset / "reliability.json").read_text())
    used = json.loads((reference / "ref" / dataset / "cor.json").read_text())["pearson_pairwise"]["rows"]
    frame = pd.read_csv(reference / "data" / DATA_FILES[dataset])
    if dataset in ("sai", "msqR"):
        frame = frame[frame["time"] == 1]
    frame = frame[used].dropna() if dataset == "msqR" else frame[used]
    scales = {name: entry for name, entry in expected.items() if isinstance(entry, dict) and "alpha_raw" in entry}
    assert scales
    for entry in scales.values():
        names = [item.lstrip("-") for item in entry["items"]]
        keys = np.array([-1 if item.startswith("-") else 1 for item in entry["items"]])
        keyed = frame[names].to_numpy(float) * keys  # a constant added to an item changes no covariance
        covariance = pairwise_covariance(keyed)
        assert alpha_of(covariance) == pytest.approx(entry["alpha_raw"], abs=1e-8)
        standardised = correlation_of(covariance)  # as psych: not the pairwise correlations
        assert alpha_of(standardised) == pytest.approx(entry["alpha_std"], abs=1e-8)


def test_alpha_by_hand():
    covariance = np.array([[2.0, 1.0, 1.0], [1.0, 2.0, 1.0], [1.0, 1.0, 2.0]])
    assert alpha_of(covariance) == pytest.approx(3 / 2 * (1 - 6 / 12))
    assert alpha_of(np.array([[1.0, -0.5], [-0.5, 1.0]])) == pytest.approx(-2.0)


@pytest.mark.parametrize(
    ("covariance", "message"),
    [
        (np.ones((1, 1)), "at least two items; there is 1"),
        (np.array([[1.0, np.nan], [np.nan, 1.0]]), "never answered together"),
        (np.array([[1.0, -1.0], [-1.0, 1.0]]), "its variance is 0"),
    ],
)
def test_alpha_that_does_not_exist(covariance, message):
    with pytest.raises(NotEstimableError, match=message):
        alpha_of(covariance)


def test_trait_makes_the_two_directions_disagree_and_agreeing_makes_them_agree():
    rng = np.random.default_rng(1)
    keys = np.array([1, 1, 1, -1, -1, -1])
    trait, agreeing = rng.standard_normal((2, 400, 1))
    noise = rng.standard_normal((400, 6))
    assert r_positive_negative(trait * keys + noise, keys) < -0.6
    assert r_positive_negative(agreeing + noise, keys) > 0.6


def test_r_positive_negative_by_hand():
    scores = np.array([[1, 3, 5], [2, 4, 4], [3, 5, 1], [np.nan, 2, 2], [1, 1, np.nan]])
    keys = np.array([1, 1, -1])
    expected = np.corrcoef([2, 3, 4, 2], [5, 4, 1, 2])[0, 1]  # the last has no negatively keyed answer
    assert r_positive_negative(scores, keys) == pytest.approx(expected, abs=1e-12)


def test_r_positive_negative_is_none_where_it_says_nothing():
    scores = np.random.default_rng(2).standard_normal((10, 3))
    assert r_positive_negative(scores, np.array([1, 1, 1])) is None
    assert r_positive_negative(scores[:2], np.array([1, 1, -1])) is None
    scores[:, 2] = 3.0
    assert r_positive_negative(scores, np.array([1, 1, -1])) is None


def test_keys_must_fit():
    with pytest.raises(DataError, match=r"3 values of \+1 or -1, one per item; got \[1, -1\]"):
        r_positive_negative(np.ones((5, 3)), np.array([1, -1]))
    with pytest.raises(DataError, match=r"got \[1, 0, -1\]"):
        r_positive_negative(np.ones((5, 3)), np.array([1, 0, -1]))

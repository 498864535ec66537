"""Factor analysis of wide tables: what is found, what is refused, what is left out."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from persona_big5.analysis.wide import factor_wide
from persona_big5.errors import DataError, NotEstimableError

CAPABILITIES = ["MMLU", "ARC-C", "HellaSwag", "Winograd", "TruthfulQA", "GSM8K", "XWinograd", "HumanEval"]
TRAITS = [
    "callousness", "dishonesty", "operational_specificity", "overconfidence", "recklessness", "sarcasm", "sycophancy",
    "toxicity",
]  # fmt: skip


def planted_frame(n=300, n_factors=2, items_each=5, seed=0):
    rng = np.random.default_rng(seed)
    common = np.repeat(rng.standard_normal((n, n_factors)), items_each, axis=1)
    scores = 0.65 * common + np.sqrt(1 - 0.65**2) * rng.standard_normal(common.shape)
    return pd.DataFrame(scores, columns=[f"x{i}" for i in range(scores.shape[1])])


def every_null_has_its_reason(document):
    def nulls(value, path):
        if value is None:
            yield path
        elif isinstance(value, dict):
            for key, part in value.items():
                if (path, key) != ("", "reasons"):
                    yield from nulls(part, f"{path}.{key}" if path else key)
        elif isinstance(value, list):
            for i, part in enumerate(value):
                yield from nulls(part, f"{path}[{i}]")

    json.dumps(document, allow_nan=False)
    return sorted(nulls(document, "")) == sorted(document["reasons"])


def test_every_method_finds_what_was_planted():
    found = factor_wide(planted_frame(), seed=1)
    entry = found.document()
    votes = {name: entry["retention"][name] for name in ("parallel_analysis", "map", "ekc", "hull", "comparison_data")}
    assert votes == dict.fromkeys(votes, 2)
    assert entry["retention"]["halves"] == {"2": 1.0}
    assert (entry["n_factors"], entry["n_factors_by"]) == (2, "parallel_analysis")
    assert every_null_has_its_reason(entry)
    assert str(found).startswith("2 factors in 10 items and 300 rows by parallel analysis; 4 of 4 other methods")


def test_loading_intervals_hold_the_loadings():
    found = factor_wide(planted_frame(), seed=1)
    loadings = found.solution.loadings
    assert ((found.intervals.low < loadings) & (loadings < found.intervals.high)).all()
    interval = found.document()["loading_ci"]
    largest = np.abs(loadings[0]).argmax()
    assert interval["low"]["x0"][largest] > 0.3
    assert "1000 resamples" in interval["method"]


def test_the_same_seed_gives_the_same_document():
    frame = planted_frame(n=80)
    assert factor_wide(frame, seed=3).document() == factor_wide(frame, seed=3).document()


@pytest.mark.parametrize("correlation", ["spearman", "polychoric"])
def test_answers_in_two_categories(correlation):
    """A fit that assumes normal answers is not given for these correlations."""
    found = factor_wide((planted_frame() > 0).astype(int), correlation=correlation, draws=50)
    entry = found.document()
    assert entry["n_factors"] == 2
    assert entry["correlation"] == correlation
    assert entry["fit"]["srmr"] < 0.06
    assert entry["reasons"]["fit.chi2"] == "not a sample covariance"
    assert every_null_has_its_reason(entry)
    by_factor = np.abs(np.array(list(entry["loadings"].values()))).argmax(axis=1)
    assert len(set(by_factor[:5])) == len(set(by_factor[5:])) == 1


def test_polychoric_loadings_are_those_of_the_normal_scores_behind():
    frame = planted_frame(n=2000)
    cut = (frame > 1).astype(int)  # one in six
    behind, ordinary, polychoric = (
        np.abs(factor_wide(scores, n_factors=2, correlation=kind, draws=20).solution.loadings).max(axis=1).mean()
        for scores, kind in ((frame, "pearson"), (cut, "pearson"), (cut, "polychoric"))
    )
    assert polychoric == pytest.approx(behind, abs=0.05)
    assert ordinary < behind - 0.08


def test_too_few_rows_give_eigenvalues_and_correlations_only():
    frame = planted_frame(n=10)
    found = factor_wide(frame)
    entry = found.document()
    assert entry["n_factors"] is None
    assert entry["loadings"] is None
    assert {entry["reasons"][key] for key in ("n_factors", "loadings", "retention.map", "retention.halves")} == {
        "10 rows are too few for 10 items"
    }
    np.testing.assert_allclose(
        entry["retention"]["eigenvalues"], np.linalg.eigvalsh(np.corrcoef(frame.to_numpy().T))[::-1], atol=1e-10
    )
    np.testing.assert_allclose(entry["correlations"]["matrix"], np.corrcoef(frame.to_numpy().T), atol=1e-10)
    r, low = (entry["correlations"][key][0][1] for key in ("matrix", "ci_low"))
    assert low == pytest.approx(np.tanh(np.arctanh(r) - 1.959964 / np.sqrt(7)), abs=1e-6)
    assert every_null_has_its_reason(entry)
    page = str(found)
    assert page.startswith("No factors counted or extracted: 10 rows are too few for 10 items.")
    assert "Strongest of 45 pearson correlations" in page


def test_too_few_rows_but_a_number_of_factors_is_what_was_asked_for():
    entry = factor_wide(planted_frame(n=10), n_factors=2).document()
    assert (entry["n_factors"], entry["n_factors_by"]) == (2, "given")
    assert len(entry["loadings"]) == 10
    assert entry["retention"]["parallel_analysis"] is None
    assert entry["loading_ci"] is None
    assert any("nearest" in warning for warning in entry["warnings"])
    with pytest.raises(NotEstimableError, match="maximum likelihood needs a positive definite matrix"):
        factor_wide(planted_frame(n=10), n_factors=2, method="ml")


def test_scales_take_the_place_of_items_where_rows_allow():
    rng = np.random.default_rng(2)
    frame = pd.DataFrame(rng.normal(size=(12, 30)), columns=[f"i{j}" for j in range(30)])
    keys = {s: [(f"i{j}", -1 if j % 2 else 1) for j in range(10 * k, 10 * k + 10)] for k, s in enumerate("abc")}
    found = factor_wide(frame, keys)
    assert (found.unit, found.variables, found.n_rows) == ("scales", ("a", "b", "c"), 12)
    means = np.stack([(frame[[i for i, _ in keys[s]]] * [k for _, k in keys[s]]).mean(axis=1) for s in "abc"])
    np.testing.assert_allclose(found.correlations, np.corrcoef(means), atol=1e-12)
    assert "12 rows for 30 items: means of 3 scales take their place" in found.notes
    assert factor_wide(frame.head(8), keys).unit == "items"  # not three rows for each scale


def test_no_factor_is_an_answer():
    noise = pd.DataFrame(np.random.default_rng(1).normal(size=(200, 8)))
    entry = factor_wide(noise).document()
    assert entry["n_factors"] == 0
    assert entry["reasons"]["loadings"] == "no factor exceeds chance"
    assert "cannot answer 0" in entry["reasons"]["retention.hull"]
    assert every_null_has_its_reason(entry)


def test_useless_items_are_dropped_and_named_and_missing_answers_counted():
    frame = planted_frame()
    frame["twice"], frame["turned"], frame["constant"], frame["empty"] = frame.x0, -2 * frame.x1, 3, np.nan
    frame.loc[:9, "x5"] = np.nan
    frame.loc[len(frame)] = np.nan
    found = factor_wide(frame, left_aside=["name"], draws=20)
    assert found.variables == tuple(f"x{i}" for i in range(10))
    assert found.notes == (
        "columns taken as no items: name",
        "left out, without any answer: 1 of 301 rows",
        "dropped, always answered alike: constant",
        "dropped, never answered: empty",
        "dropped, the same answers as x0: twice",
        "dropped, the same answers as x1: turned",
        "missing answers, of 300 rows: x5 10; each correlation uses the rows with both answers",
    )


def test_an_item_that_is_a_sum_of_others_is_said_not_hidden():
    frame = planted_frame()
    frame["sum"] = frame.x0 + frame.x1
    entry = factor_wide(frame, draws=20).document()
    assert "positive definite" in entry["reasons"]["retention.map"]
    assert "positive definite" in entry["reasons"]["retention.ekc"]
    assert entry["heywood"] == ["sum"]
    assert every_null_has_its_reason(entry)


def refused(frame, message, **options):
    with pytest.raises((DataError, NotEstimableError), match=message):
        factor_wide(frame, **options)


def test_what_cannot_be_factored_is_refused_in_one_message():
    frame = planted_frame()
    refused(frame.assign(t="a"), r"columns 't' hold text")
    refused(frame[["x0", "x1"]], "2 items that vary; factors need at least 3")
    refused(frame.assign(x0=1, x1=1)[["x0", "x1", "x2", "x3"]], "dropped, always answered alike: x0, x1")
    refused(frame.head(1), "0 items that vary")
    refused(frame.rename(columns={"x3": "x1"}), "more than one column is called 'x1'")
    refused(frame.assign(x0=np.inf), "columns 'x0' hold infinite numbers")
    refused(frame, r"'x0', .* have more than 20 different values", correlation="polychoric")
    refused(frame, "6 factors of 6 items", keys={"s": [(f"x{i}", 1) for i in range(6)]}, n_factors=6)
    refused(frame, "does not have: y", keys={"s": [("y", 1)]})
    refused(frame, "turn item 'x0' both ways", keys={"s": [("x0", 1)], "t": [("x0", -1)]})
    apart = frame.copy()
    apart.loc[:149, ["x0", "x1"]] = np.nan
    apart.loc[150:, ["x2", "x3"]] = np.nan
    refused(apart, r"undefined for 4 of 10 items \(x0, x1, x2, x3\)")


def test_capabilities_of_llms_are_one_factor(shared):
    """148 models, 8 benchmarks; 124 of them complete."""
    frame = pd.read_csv(shared / "real" / "obscaling_capability" / "wide_base_llm_benchmark_eval.csv.gz")[CAPABILITIES]
    complete = factor_wide(frame.dropna())
    assert complete.n_rows == 124
    shares = np.array(complete.document()["retention"]["eigenvalues"]) / 8
    np.testing.assert_allclose(shares[:3], [0.781, 0.139, 0.039], atol=5e-4)
    pairwise = factor_wide(frame)
    shares = np.array(pairwise.document()["retention"]["eigenvalues"]) / 8
    np.testing.assert_allclose(shares[:3], [0.787, 0.135, 0.038], atol=5e-4)
    assert pairwise.n_factors == complete.n_factors == 1
    assert pairwise.halves[1] > 0.95
    assert any("of 148 rows: ARC-C 3, XWinograd 16, HumanEval 21" in note for note in pairwise.notes)


def test_judged_traits_of_fine_tunes(shared):
    frame = pd.read_csv(shared / "real" / "em_roles_traits" / "wide_responses.csv.gz")[TRAITS]
    found = factor_wide(frame.dropna())
    np.testing.assert_allclose(found.document()["retention"]["eigenvalues"][:3], [2.58, 1.22, 0.99], atol=5e-3)


def test_intervals_of_rank_correlations():
    """Bonett and Wright's standard error on Fisher's scale."""
    frame = planted_frame(n=60)
    found = factor_wide(frame, correlation="spearman", draws=20)
    r = spearmanr(frame.x0, frame.x1).statistic
    half = 1.959964 * np.sqrt((1 + r**2 / 2) / 57)
    assert found.correlations[0, 1] == pytest.approx(r, abs=1e-12)
    assert found.ci_low[0, 1] == pytest.approx(np.tanh(np.arctanh(r) - half), abs=1e-6)
    assert found.ci_high[0, 1] == pytest.approx(np.tanh(np.arctanh(r) + half), abs=1e-6)
    np.testing.assert_array_equal(np.diag(found.ci_low), 1.0)

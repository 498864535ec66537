"""The keyed scales as a stated model of respondents and runs, from long tables whose truth is known."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planted_tables import long_table

from persona_big5.analysis.answers import lay_out
from persona_big5.analysis.confirmatory import MOST_ITEMS, confirmatory_entry
from persona_big5.analysis.document import UNDEFINED, Missing, write_out
from persona_big5.analysis.invariance import invariance_entry
from persona_big5.errors import DataError
from persona_big5.store.longtable import read_long

N_LLMS, N_PERSONAS, RUNS = 4, 40, 3
KEYED = np.tile([1.0, -1.0], 8)
OF_SCALE = np.array([i % 4 >= 2 for i in range(16)]).astype(int)  # as long_table deals the items


def world(seed: int, mood: float = 0.6) -> np.ndarray:
    """Two traits (.8) of respondents, and a mood of runs on every item in raw direction."""
    random = np.random.default_rng(seed)
    n = N_LLMS * N_PERSONAS
    traits = 0.8 * random.normal(size=(n, 2))[:, OF_SCALE] * KEYED + 0.6 * random.normal(size=(n, 16))
    runs = mood * random.normal(size=(n, RUNS, 1)) + 0.6 * random.normal(size=(n, RUNS, 16))
    return 3 + 0.5 * (traits[:, None] + runs).reshape(-1, 16)


def table(scores: np.ndarray):
    return long_table(scores, N_LLMS, N_PERSONAS, RUNS)


def strict(entry) -> dict:
    """Through JSON, as it is written."""
    return json.loads(json.dumps(write_out({"confirmatory": entry}), allow_nan=False))


def test_traits_fit_between_respondents_and_mood_is_no_trait():
    said: list[str] = []
    entry = confirmatory_entry(lay_out(table(world(1))), progress=said.append)
    found = strict(entry)["confirmatory"]
    assert said
    assert list(found["scales"]) == ["one", "two"]
    assert (found["n_respondents"], found["n_rows"]) == (160, 480)
    assert found["rows_per_respondent"] == {"min": 3, "max": 3}
    respondent, run = found["levels"]["respondent"], found["levels"]["run"]
    assert respondent["fit"]["df"] == run["fit"]["df"] == 103
    assert found["fit"]["df"] == 206
    assert respondent["fit"]["cfi"] > 0.97
    assert respondent["fit"]["p"] > 0.001
    assert respondent["factors"] == ["one", "two"]
    for item, loadings in respondent["loadings"].items():
        (scale,) = loadings
        assert item in found["scales"][scale]
        assert loadings[scale] == pytest.approx(0.8, abs=4 * respondent["loadings_se"][item][scale])
    assert respondent["factor_correlations"][0][1] == pytest.approx(0, abs=0.3)
    assert abs(run["factor_correlations"][0][1]) > 0.97  # one mood, not two scales
    assert any("share an llm or a persona" in warning for warning in found["warnings"])


def test_items_asked_one_by_one_have_no_factors_at_level_run():
    frame = table(world(2, mood=0.0))
    frame["session"] = np.arange(len(frame)).astype(str)
    found = strict(confirmatory_entry(lay_out(frame)))["confirmatory"]
    assert found["levels"]["run"]["factors"] == []
    assert found["levels"]["run"]["fit"]["df"] == 120
    assert found["levels"]["run"]["fit"]["p"] > 0.001
    assert found["levels"]["respondent"]["fit"]["df"] == 103
    assert any("one by one" in warning for warning in found["warnings"])


def test_runs_that_lack_an_answer_and_small_scales_are_left_out_and_said():
    frame = table(world(3))
    frame.loc[frame.index[:: 16 * 20], "score"] = np.nan
    frame.loc[frame["item_id"].isin(["i0", "i1"]), "scale"] = "tiny"
    frame["context"] = np.where(frame["run"].astype(int) == 2, "live", "neutral")
    found = strict(confirmatory_entry(lay_out(frame)))["confirmatory"]
    assert sorted(found["scales"]) == ["one", "two"]
    said = " | ".join(found["warnings"])
    assert "scale tiny is left out: 2 items" in said
    assert "level run includes what context change" in said
    assert found["n_rows"] == 480  # the missing answers are of a scale that is left out


def test_incomplete_runs_are_counted():
    frame = table(world(4))
    frame.loc[frame.index[5 :: 16 * 20], "score"] = np.nan
    found = strict(confirmatory_entry(lay_out(frame)))["confirmatory"]
    assert found["n_rows"] == 480 - 24
    assert found["rows_per_respondent"] == {"min": 2, "max": 3}
    assert any("24 of 480 runs lack an answer" in warning for warning in found["warnings"])


def one_run(scores):
    return long_table(scores[::RUNS], N_LLMS, N_PERSONAS, 1)


def few_respondents(scores):
    return long_table(scores[: 16 * RUNS], 1, 16, RUNS)


def many_items(scores):
    return table(np.tile(scores, 4) + np.random.default_rng(0).normal(size=(len(scores), 64)))


def without_scales(scores):
    return table(scores).assign(scale=None)


def same_in_every_run(scores):
    return table(np.repeat(scores[::RUNS], RUNS, axis=0))


def an_item_twice(scores):
    return table(scores[:, [0, 0, *range(2, 16)]])


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (one_run, "asked once"),
        (few_respondents, "16 respondents for 16 items"),
        (many_items, f"64 items: more than {MOST_ITEMS}.*--confirm"),
        (without_scales, "no scale of at least 3 items"),
        (same_in_every_run, "no variance between the runs of a respondent"),
        (an_item_twice, "determine each other without error"),
    ],
)
def test_what_cannot_be_fitted_has_a_reason(spoil, said):
    entry = confirmatory_entry(lay_out(spoil(world(5))))
    assert isinstance(entry, Missing)
    written = strict(entry)
    assert written["confirmatory"] is None
    assert written["reasons"]["confirmatory"] == entry.reason
    assert re.search(said, entry.reason)


def test_more_items_are_fitted_on_demand():
    entry = confirmatory_entry(lay_out(many_items(world(6))), any_size=True)
    assert strict(entry)["confirmatory"]["levels"]["respondent"]["fit"]["df"] == 64 * 63 // 2 - 64 - 1


def test_no_solution_at_level_run_leaves_the_respondents():
    scores = world(7, mood=0.0)
    random = np.random.default_rng(7)
    noise = np.repeat(random.normal(size=(len(scores), 8)), 2, axis=1) * KEYED  # pairs of items that go together in a
    scores = scores + noise * [1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]  # run, and no more: no factor of eight
    written = strict(confirmatory_entry(lay_out(table(scores))))
    found = written["confirmatory"]
    assert found["fit"] is None
    assert "did not converge" in written["reasons"]["confirmatory.fit"]
    assert found["levels"]["respondent"]["fit"]["cfi"] > 0.9
    assert found["levels"]["respondent"]["loadings"]["i2"]["two"] == pytest.approx(0.8, abs=0.15)
    assert found["levels"]["run"]["loadings"] is None


def test_big_five_personas_are_five_nearly_independent_factors(shared):
    found = strict(confirmatory_entry(lay_out(read_long(shared / "real" / "personallm_bfi" / "long.csv.gz"))))
    respondent = found["confirmatory"]["levels"]["respondent"]
    correlations = np.array(respondent["factor_correlations"])
    assert np.abs(correlations - np.eye(5)).max() < 0.25  # the personas are a factorial design
    assert respondent["fit"]["cfi"] < 0.9  # and yet scales of 8 to 10 items are more than one factor each
    loadings = [value for loading in respondent["loadings"].values() for value in loading.values()]
    assert np.median(loadings) > 0.85


SPOILT = {
    "as it is": lambda x, random: x,
    "right or wrong": lambda x, random: (x > 3).astype(float),
    "an item twice": lambda x, random: x[:, [-1, *range(1, x.shape[1])]],
    "gaps": lambda x, random: np.where(random.random(x.shape) < 0.2, np.nan, x),
    "constant items": lambda x, random: np.where(np.arange(x.shape[1]) < 2, 3.0, x),
    "large numbers": lambda x, random: x * 1e6,
    "a rare answer": lambda x, random: np.where(np.arange(x.shape[1]) > 0, x, random.random((len(x), 1)) < 0.03),
    "half alike": lambda x, random: np.where(np.arange(len(x))[:, None] < len(x) // 2, x[0], x),
}


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 10_000),
    shape=st.tuples(st.integers(1, 4), st.integers(1, 30), st.integers(1, 4), st.sampled_from([4, 6, 8, 12])),
    sizes=st.tuples(*[st.sampled_from([0.0, 0.01, 1.0, 5.0])] * 4),
    spoil=st.sampled_from(list(SPOILT)),
)
def test_any_table_gets_numbers_or_reasons(seed, shape, sizes, spoil):
    random = np.random.default_rng(seed)
    n_llms, n_personas, runs, p = shape
    parts = ((n_llms * n_personas, 1, p), (n_llms * n_personas, 1, 1), (n_llms * n_personas, runs, p),
             (n_llms * n_personas, runs, 1))  # fmt: skip
    x = 3 + sum(size * random.normal(size=part) for size, part in zip(sizes, parts, strict=True))
    x = np.broadcast_to(x, (n_llms * n_personas, runs, p)).reshape(-1, p)
    try:
        answers = lay_out(long_table(SPOILT[spoil](x, random), n_llms, n_personas, runs))
    except DataError:
        return  # nothing varies
    for entry in (confirmatory_entry(answers), invariance_entry(answers)):
        written = strict(entry)
        assert written["confirmatory"] is not None or written["reasons"]["confirmatory"]
        assert UNDEFINED not in written["reasons"].values()

from __future__ import annotations

import numpy as np
import pytest
from planted_tables import long_table

from persona_big5.analysis.answers import lay_out
from persona_big5.analysis.document import Missing, write_out
from persona_big5.analysis.levels import LEVELS, LevelEstimator
from persona_big5.analysis.loading_intervals import loading_ci_entry
from persona_big5.analysis.scores import respondent_scores, scores_entry, scores_table
from persona_big5.analysis.structure import WITHOUT_STYLE, find_structure

N_LLMS, N_PERSONAS, RUNS, N_ITEMS, N_FACTORS = 8, 40, 4, 12, 2
KEYED = np.where(np.arange(N_ITEMS) % 2 == 0, 1, -1)


def planted(seed, noise=1.0, missing=0.0, runs=RUNS):
    """A long table of respondents with two independent traits of their own, and the traits (respondents, 2)."""
    random = np.random.default_rng(seed)
    pattern = np.zeros((N_ITEMS, N_FACTORS))
    pattern[np.arange(N_ITEMS), np.arange(N_ITEMS) // 2 % 2] = np.linspace(0.6, 0.85, N_ITEMS)
    traits = random.normal(size=(N_LLMS, N_PERSONAS, 1, N_FACTORS))
    unique = np.sqrt(1 - (pattern**2).sum(axis=1)) * random.normal(size=(N_LLMS, N_PERSONAS, 1, N_ITEMS))
    runs_own = noise * random.normal(size=(N_LLMS, N_PERSONAS, runs, N_ITEMS))
    scores = ((traits @ pattern.T + unique + runs_own) * KEYED + 3).reshape(-1, N_ITEMS)
    scores[random.random(scores.shape) < missing] = np.nan
    return long_table(scores, N_LLMS, N_PERSONAS, runs), traits.reshape(-1, N_FACTORS)


def analysed(frame, levels=("means", "respondent"), n_factors=N_FACTORS):
    answers = lay_out(frame)
    estimator = LevelEstimator.of(answers)
    matrices = estimator.matrices(answers.scores)
    structures = find_structure(answers, estimator, matrices, levels=levels, n_factors=n_factors, draws=20)
    found = respondent_scores(answers, estimator, matrices, structures)
    return answers, structures, found


def in_order(answers, traits):
    """Traits of the respondents in the order of the answers' codes."""
    _, first = np.unique(answers.respondent, return_index=True)
    llm = [int(answers.levels["llm"][code].removeprefix("llm-")) for code in answers.code("llm")[first]]
    persona = [int(answers.levels["persona"][code].removeprefix("p")) for code in answers.code("persona")[first]]
    return traits.reshape(N_LLMS, N_PERSONAS, N_FACTORS)[llm, persona]


def correlations(scores, traits):
    """Each factor's correlation with the trait it goes with most."""
    return np.abs(np.corrcoef(scores.T, traits.T)[:N_FACTORS, N_FACTORS:]).max(axis=1)


@pytest.fixture(scope="module")
def scored():
    frame, traits = planted(1)
    answers, structures, found = analysed(frame, levels=LEVELS)
    return answers, structures, found, in_order(answers, traits)


def test_scores_correlate_with_planted_traits_as_determinacy_says(scored):
    """With the noise of four runs taken into account, which a solution without run noise does not know of."""
    _, _, found, traits = scored
    one = found["respondent"]
    np.testing.assert_allclose(
        correlations(one.scores["regression"].scores, traits), one.determinacy.determinacy, rtol=0, atol=0.03
    )
    errors = one.scores["regression"].standard_errors[0]
    np.testing.assert_allclose(errors, one.determinacy.standard_error, rtol=0, atol=1e-9)
    np.testing.assert_allclose(one.scores["regression"].scores.std(axis=0), one.determinacy.determinacy, atol=0.06)


def test_reliability_is_the_correlation_with_scores_from_other_runs(scored):
    """The same respondents, asked anew: the correlation of two scorings estimates the reliability of one."""
    frame, _ = planted(2, runs=2 * RUNS)
    run = frame["run"].astype(int)
    first, second = (analysed(frame[part]) for part in (run < RUNS, run >= RUNS))
    for level in ("means", "respondent"):
        one, other = (found[level].scores["regression"].scores for *_, found in (first, second))
        retest = np.abs(np.corrcoef(one.T, other.T)[:N_FACTORS, N_FACTORS:]).max(axis=1)
        found = first[2][level]
        np.testing.assert_allclose(found.reliability, retest, rtol=0, atol=0.04, err_msg=level)
        low, high = found.interval
        assert ((low < retest) & (retest < high)).all()
        assert (high - low < 0.2).all()


def test_every_level_has_scores_or_a_reason(scored):
    found = scored[2]
    entries = scores_entry(found)
    assert set(entries) == {*LEVELS, WITHOUT_STYLE}
    assert {level for level, entry in entries.items() if not isinstance(entry, Missing)} == {"means", "respondent"}
    assert entries["run"] == Missing("factors of this level are no traits of single respondents")
    assert entries["variant"] == Missing("is no facet of these data")
    entry = entries["respondent"]
    assert len(entry["determinacy"]) == len(entry["may_rank"]) == N_FACTORS
    assert entry["runs_per_respondent"] == pytest.approx(RUNS)
    assert (entry["n_respondents"], entry["n_scored"], entry["n_incomplete"]) == (320, 320, 0)
    assert entry["variables"] == "items"
    assert write_out(entries)["reasons"].keys() == {level for level in entries if level not in ("means", "respondent")}


def test_the_table_has_a_row_for_every_respondent(scored):
    answers, _, found, traits = scored
    table = scores_table(answers, found)
    assert list(table.columns) == [
        "level", "method", "llm", "variant", "persona", "n_answered",
        "factor_1", "factor_2", "standard_error_1", "standard_error_2",
    ]  # fmt: skip
    rows = table[(table["level"] == "respondent") & (table["method"] == "ten_berge")]
    assert len(table) == 4 * len(rows) == 4 * 320
    assert not rows.duplicated(["llm", "variant", "persona"]).any()
    _, first = np.unique(answers.respondent, return_index=True)
    assert rows["persona"].tolist() == [answers.levels["persona"][code] for code in answers.code("persona")[first]]
    assert (correlations(rows[["factor_1", "factor_2"]].to_numpy(), traits) > 0.8).all()
    assert scores_table(answers, {"means": "no factor exceeds chance"}).empty


def test_noisy_answers_are_not_to_be_ranked_by():
    frame, _ = planted(3, noise=3.0)
    _, _, found = analysed(frame, levels=("respondent",))
    entry = scores_entry(found)["respondent"]
    assert not entry["may_rank"].any()
    assert entry["notes"][0].startswith("no ranking of respondents on factor 1: determinacy squared is 0.")


def test_missing_answers_are_left_out_and_said():
    frame, traits = planted(4, missing=0.3)
    nobody = frame["persona"] == "p0"
    frame.loc[nobody & frame["item_id"].isin([f"i{i}" for i in range(8)]), "score"] = np.nan
    one_item = (frame["persona"] == "p1") & (frame["item_id"] == "i3")
    frame.loc[one_item, "score"] = np.nan
    answers, _, found = analysed(frame, levels=("respondent",))
    one = found["respondent"]
    entry = scores_entry(found)["respondent"]
    assert entry["n_scored"] == 320 - N_LLMS  # less than half of the items is no score
    assert entry["n_incomplete"] >= 2 * N_LLMS
    table = scores_table(answers, found)
    assert table.loc[table["persona"] == "p0", "factor_1"].isna().all()
    of_one = table[table["persona"] == "p1"]
    assert of_one.loc[of_one["method"] == "regression", "factor_1"].notna().all()
    assert of_one.loc[of_one["method"] == "ten_berge", "factor_1"].isna().all()
    errors = one.scores["regression"].standard_errors[:, 0]
    assert np.nanmax(errors) > np.nanmin(errors)
    known = np.isfinite(errors)
    expected = one.determinacy.determinacy
    np.testing.assert_allclose(
        correlations(one.scores["regression"].scores[known], in_order(answers, traits)[known]), expected, atol=0.05
    )


def test_answers_given_once_have_scores_but_no_reliability():
    frame, _ = planted(5, runs=1)
    _, _, found = analysed(frame)
    entries = write_out(scores_entry(found))
    assert entries["respondent"] is None
    assert entries["means"]["reliability"] is None
    assert "every cell was asked once" in entries["reasons"]["means.reliability"]
    assert "every cell was asked once" in entries["reasons"]["means.reliability_ci_low"]


def test_items_that_share_no_run_leave_no_reliability():
    """Half of the runs ask one half of the items: what their run noise has in common is not known."""
    frame, _ = planted(8)
    frame = frame[frame["item_id"].isin([f"i{i}" for i in range(8)])]
    early = frame["run"].astype(int) < RUNS // 2
    frame = frame[early == frame["item_id"].isin([f"i{i}" for i in range(4)])]
    entry = scores_entry(analysed(frame, levels=("means",))[2])["means"]
    assert entry["n_scored"] == 320
    assert entry["reliability"] == Missing("items are too seldom answered together in several runs")
    assert entry["reliability_ci_low"] == entry["reliability"]


def test_few_llms_and_personas_leave_no_interval():
    frame, _ = planted(6, runs=2)
    few = frame[
        frame["llm"].isin([f"llm-{i}" for i in range(3)])
        & frame["persona"].isin([f"p{i}" for i in range(3)])
        & frame["item_id"].isin([f"i{i}" for i in range(6)])
    ]
    entry = scores_entry(analysed(few, levels=("means",), n_factors=1)[2])["means"]
    assert entry["n_scored"] == 9
    assert entry["reliability_ci_low"] == Missing("neither llms nor personas have at least 4 levels to resample")


def test_scale_scores_are_scored_where_there_are_too_few_respondents_for_items():
    random = np.random.default_rng(7)
    trait = random.normal(size=(1, 12, 1, 1))
    scores = trait * np.where(np.arange(16) % 2 == 0, 1, -1) + random.normal(size=(1, 12, 3, 16))
    frame = long_table(scores.reshape(-1, 16), 1, 12, 3)
    frame["scale"] = frame["item_id"].map({f"i{i}": f"s{i // 4}" for i in range(16)})
    answers, structures, found = analysed(frame, levels=("means",), n_factors=1)
    assert structures["means"].variables.unit == "scales"
    scores = found["means"].scores["regression"].scores[:, 0]
    _, first = np.unique(answers.respondent, return_index=True)
    persona = [int(answers.levels["persona"][code].removeprefix("p")) for code in answers.code("persona")[first]]
    assert np.corrcoef(scores, trait.ravel()[persona])[0, 1] > 0.9
    assert scores_entry(found)["means"]["variables"] == "scales"


def doubled(scores):
    scores[:, 1] = scores[:, 0]
    return scores


def rarely_endorsed(scores):
    return (scores > 1.2).astype(float)


def half_missing(scores):
    scores[np.random.default_rng(1).random(scores.shape) < 0.5] = np.nan
    return scores


def one_item_over_and_over(scores):
    return np.repeat(scores[:, :1], scores.shape[1], axis=1)


@pytest.mark.parametrize("spoil", [doubled, rarely_endorsed, half_missing, one_item_over_and_over])
@pytest.mark.parametrize(("n_llms", "n_personas", "runs"), [(1, 1, 5), (1, 20, 3), (5, 20, 1), (4, 4, 2)])
def test_hostile_tables_have_scores_and_intervals_or_a_reason(spoil, n_llms, n_personas, runs):
    """Every null with its reason, and no reason that only says that something is not defined."""
    random = np.random.default_rng(9)
    traits = random.normal(size=(n_llms, n_personas, 1, 2))[..., np.arange(8) % 2]
    scores = 0.8 * traits + 0.6 * random.normal(size=(n_llms, n_personas, runs, 8))
    answers = lay_out(long_table(spoil(scores.reshape(-1, 8)), n_llms, n_personas, runs))
    estimator = LevelEstimator.of(answers)
    matrices = estimator.matrices(answers.scores)
    structures = find_structure(answers, estimator, matrices, n_factors=1, draws=20)
    found = respondent_scores(answers, estimator, matrices, structures)
    entries = {"scores": scores_entry(found), "ci": loading_ci_entry(answers, estimator, structures, draws=20)}
    written = write_out(entries)
    assert "not defined for these data" not in written["reasons"].values()
    assert len(scores_table(answers, found)) % answers.count(["llm", "variant", "persona"]) == 0

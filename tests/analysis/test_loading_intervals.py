from __future__ import annotations

import numpy as np
import pytest
from planted_tables import long_table

from persona_big5.analysis.answers import lay_out
from persona_big5.analysis.document import Missing, write_out
from persona_big5.analysis.levels import LevelEstimator
from persona_big5.analysis.loading_intervals import loading_ci_entry
from persona_big5.analysis.structure import find_structure
from persona_big5.factors.congruence import align

N_ITEMS, N_FACTORS = 12, 2


def planted(seed, n_llms=6, n_personas=30, runs=3, missing=0.0):
    """A long table with the same two factors between personas and between respondents, and its pattern."""
    random = np.random.default_rng(seed)
    pattern = np.zeros((N_ITEMS, N_FACTORS))
    pattern[np.arange(N_ITEMS), np.arange(N_ITEMS) % N_FACTORS] = random.uniform(0.5, 0.85, N_ITEMS)
    unique = np.sqrt(1 - (pattern**2).sum(axis=1))

    def effect(*shape):
        return random.normal(size=(*shape, N_FACTORS)) @ pattern.T + unique * random.normal(size=(*shape, N_ITEMS))

    scores = 0.7 * effect(1, n_personas, 1) + 0.7 * effect(n_llms, n_personas, 1)
    keyed = np.where(np.arange(N_ITEMS) % 2 == 0, 1, -1)
    scores = scores * keyed + 0.3 * random.normal(size=(n_llms, n_personas, runs, 1))  # a mood of the run
    scores = (scores + 0.7 * random.normal(size=(n_llms, n_personas, runs, N_ITEMS))).reshape(-1, N_ITEMS)
    scores[random.random(scores.shape) < missing] = np.nan
    return long_table(scores, n_llms, n_personas, runs), pattern


def analysed(frame, levels, n_factors=N_FACTORS, draws=60, seed=1):
    answers = lay_out(frame)
    estimator = LevelEstimator.of(answers)
    matrices = estimator.matrices(answers.scores)
    structures = find_structure(answers, estimator, matrices, levels=levels, n_factors=n_factors, draws=20)
    return structures, loading_ci_entry(answers, estimator, structures, draws=draws, seed=seed)


def ends(entry):
    return (np.array(list(entry[name].values())) for name in ("low", "high", "sd"))


@pytest.fixture(scope="module")
def crossed():
    return analysed(
        planted(1)[0], ("pooled", "means", "respondent", "split_run", "run", "variant", "persona", "llm:persona")
    )


def test_every_level_has_intervals_about_its_loadings_or_a_reason(crossed):
    structures, entries = crossed
    assert list(entries) == list(structures)
    with_intervals = [level for level, entry in entries.items() if not isinstance(entry, Missing)]
    assert {"pooled", "means", "respondent", "run", "persona", "llm:persona"} <= set(with_intervals)
    assert entries["split_run"] == Missing("a check without intervals")
    assert entries["variant"] == Missing("is no facet of these data")
    for level in with_intervals:
        low, high, sd = ends(entries[level])
        loadings = structures[level].solution.loadings
        assert low.shape == loadings.shape
        assert ((low < loadings) & (loadings < high)).mean() > 0.95, level
        assert (sd > 0).all()
        assert list(entries[level]["low"]) == list(structures[level].solution.items)
        assert entries[level]["draws"] + entries[level]["failed"] == 60
        assert entries[level]["resampled"] == ["llm", "persona"]
    write_out(entries)


def test_the_method_is_said_in_words(crossed):
    said = crossed[1]["respondent"]["method"]
    assert said.startswith(
        "95 % percentile intervals over 60 resamples of 6 llms and 30 personas, each drawn on its own"
    )
    assert "few levels of llm" in said


def test_columns_with_few_levels_are_fixed_and_named():
    frame, _ = planted(2, n_llms=3)
    entry = analysed(frame, ("respondent",))[1]["respondent"]
    assert entry["resampled"] == ["persona"]
    assert entry["method"].endswith("; for these 3 llms only")
    few, _ = planted(3, n_llms=3, n_personas=3, runs=8)
    entries = analysed(few, ("pooled",))[1]
    assert entries["pooled"] == Missing("neither llms nor personas have at least 4 levels to resample")


def test_intervals_cover_planted_loadings():
    """With run noise removed; in 4 x 50 larger worlds coverage was .96 to .98."""
    covered = []
    for seed in range(12):
        frame, pattern = planted(seed, n_llms=8, missing=0.05)
        structures, entries = analysed(frame, ("respondent",), draws=100, seed=seed)
        solution = structures["respondent"].solution
        truth = align(pattern[[int(name[1:]) for name in solution.items]], solution.loadings).loadings
        low, high, _ = ends(entries["respondent"])
        covered.append((low <= truth) & (truth <= high))
    assert 0.92 <= np.mean(covered) <= 1.0


def test_factors_forced_on_personas_that_have_none_have_loadings_about_zero():
    random = np.random.default_rng(4)
    scores = random.normal(size=(1, 30, 1, 8)) + random.normal(size=(5, 30, 3, 8))
    entry = analysed(long_table(scores.reshape(-1, 8), 5, 30, 3), ("persona",))[1]["persona"]
    if isinstance(entry, Missing):
        assert "resamples gave as many factors" in entry.reason
    else:
        low, high, _ = ends(entry)
        assert ((low < 0) & (high > 0)).mean() > 0.8


def test_the_same_seed_gives_the_same_intervals():
    frame, _ = planted(5, n_llms=4, n_personas=12)
    one, again, other = (analysed(frame, ("respondent",), seed=seed)[1]["respondent"] for seed in (1, 1, 2))
    assert one == again
    assert one["low"] != other["low"]


def test_no_solution_is_no_interval():
    frame, _ = planted(6, n_llms=4, n_personas=12)
    structures, entries = analysed(frame, ("respondent",), n_factors=9)
    assert structures["respondent"].solution is None
    assert entries["respondent"] == Missing("9 factors of 12 items are not identified")


def test_published_answers_of_eighteen_llms_take_four_seconds(shared):
    """18 llms x 100 personas x 10 runs x 30 items, 500 resamples of matrices and loadings; see the module's notes."""
    import time

    from threadpoolctl import threadpool_limits

    from persona_big5.store.longtable import read_long

    answers = lay_out(read_long(shared / "real" / "mfq_base" / "long.csv.gz"))
    estimator = LevelEstimator.of(answers)
    levels = ("means", "respondent", "persona", "llm:persona")
    with threadpool_limits(1):
        structures = find_structure(
            answers, estimator, estimator.matrices(answers.scores), levels=levels, n_factors=3, draws=20
        )
        began = time.process_time()
        entries = loading_ci_entry(answers, estimator, structures, draws=500, seed=1)
        taken = time.process_time() - began
    assert all(entries[level]["draws"] >= 450 for level in levels)
    assert taken < 6  # 3.5 by itself; other work on the machine costs CPU time, too

"""Replication of long tables: what is shared by both sides of a split comes back, whatever it is."""

from __future__ import annotations

import time
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from planted_tables import long_table
from threadpoolctl import threadpool_limits

from persona_big5.analysis.answers import lay_out
from persona_big5.analysis.document import Missing, write_out
from persona_big5.analysis.levels import LevelEstimator
from persona_big5.analysis.parts import llm_families
from persona_big5.analysis.replication import replication_entry
from persona_big5.analysis.structure import find_structure
from persona_big5.store.longtable import read_long

LLMS, PERSONAS, RUNS, ITEMS = 6, 30, 3, 16
FAMILIES = {f"llm-{i}": f"family-{i // 2}" for i in range(LLMS)}
PATTERN = np.kron(np.eye(2), np.ones((ITEMS // 2, 1)))


def world(patterns, *, shared=0.0, own=1.0, unique=0.5, noise=0.3, llms=LLMS, personas=PERSONAS, runs=RUNS, seed=0):
    """Answers of llms with loadings of their own; ``shared`` is what a persona does to single items in every llm."""
    random = np.random.default_rng(seed)
    traits = random.standard_normal((llms, personas, 2)) * own
    cells = np.einsum("lpk,lik->lpi", traits, np.broadcast_to(patterns, (llms, ITEMS, 2)))
    cells += shared * random.standard_normal((1, personas, ITEMS))
    cells += unique * random.standard_normal((llms, personas, ITEMS))
    scores = cells[:, :, None] + noise * random.standard_normal((llms, personas, runs, ITEMS))
    frame = long_table(scores.reshape(-1, ITEMS), llms, personas, runs)
    frame["score"] *= frame["keyed"]
    return frame.assign(family=frame["llm"].map(FAMILIES))


def entry_of(frame, n_factors=2, level="respondent"):
    answers = lay_out(frame)
    estimator = LevelEstimator.of(answers)
    matrices = estimator.matrices(answers.scores)
    structures = find_structure(
        answers,
        estimator,
        matrices,
        levels=["means", "respondent"],
        n_factors=n_factors,
        draws=20 if n_factors is None else 1,
    )
    return replication_entry(answers, structures, level, llm_families(frame), seed=1)


@cache
def common():
    return entry_of(world(PATTERN))


def test_common_factors_come_back_in_families_and_halves():
    found = common()
    assert (found["level"], found["n_factors"]) == ("respondent", 2)
    family = found["by_llm_family"]
    assert family["families_from"] == "column family"
    assert family["phi_lowest"].min() > 0.95
    assert family["above_null"].all()
    assert {name: one["n_respondents"] for name, one in family["left_out"].items()} == {
        f"family-{i}": 2 * PERSONAS for i in range(3)
    }
    halves = found["split_half"]
    for kind, n_splits in (("personas", 100), ("llm_families", 3), ("personas_and_llm_families", 100)):
        assert halves[kind]["n_splits"] == n_splits
        assert halves[kind]["phi"].min() > 0.95
        assert halves[kind]["above_null"].all()
    assert halves["personas"]["phi_5"].min() > 0.9
    assert isinstance(halves["llm_families"]["phi_5"], Missing)
    assert found["means"]["by_llm_family"]["phi_lowest"].min() > 0.95
    assert found["reading"] == (
        "2 of 2 factors come back beyond chance where neither llms nor personas are shared, 2 of them with phi >= 0.85"
    )
    document = write_out({"replication": found})
    assert (
        document["reasons"]["replication.split_half.contexts"] == "every llm and variant was asked in one context only"
    )


def test_runs_are_apart_and_no_evidence():
    runs = common()["means"]["runs"]
    assert runs["phi"].min() > 0.99
    assert runs["evidence"] is False
    assert "no evidence for traits" in runs["note"]
    at_respondent = common()["runs"]
    assert isinstance(at_respondent, Missing) or at_respondent["evidence"] is False


def test_structures_of_single_families_do_not_pass_for_common_ones():
    """Families have factors of their own, the first the strongest: halves of personas replicate, families do not."""
    random = np.random.default_rng(2)
    patterns = np.repeat([PATTERN[random.permutation(ITEMS)] for _ in range(3)], 2, axis=0)
    found = entry_of(world(patterns, own=np.repeat([1.5, 0.7, 0.7], 2)[:, None, None]))
    assert found["split_half"]["personas"]["above_null"].all()
    assert found["split_half"]["personas"]["phi"].min() > 0.9
    assert not found["by_llm_family"]["above_null"].any()
    assert found["by_llm_family"]["phi"].max() < 0.8


def test_what_personas_do_to_single_items_by_chance_replicates_over_families_that_share_them():
    """No factors: 12 personas' private effects on items correlate by chance, alike in every family asked them.

    Only where neither personas nor llms are shared it is seen to be chance.
    """
    found = entry_of(world(PATTERN, own=0.0, shared=3.0, unique=0.1, personas=20))
    assert found["by_llm_family"]["above_null"].all()
    assert found["by_llm_family"]["phi_lowest"].min() > 0.95
    both = found["split_half"]["personas_and_llm_families"]
    assert not both["above_null"].any()
    assert not found["split_half"]["personas"]["above_null"].any()
    assert found["reading"].startswith("0 of 2 factors come back beyond chance where neither llms nor personas")
    assert "2 more only where other llms are asked the same personas" in found["reading"]


def test_contexts_and_wordings_are_halved_where_respondents_have_several():
    first, *others = (world(PATTERN, seed=seed, personas=12).assign(context=f"c{seed}") for seed in range(4))
    four = [first, *(other.assign(score=first["score"] + 0.3 * other["score"]) for other in others)]
    found = entry_of(pd.concat(four, ignore_index=True))
    contexts = found["split_half"]["contexts"]
    assert contexts["n_splits"] == 3
    assert contexts["both_sides_share"] == "the same respondents"
    assert contexts["phi"].min() > 0.95
    assert isinstance(found["split_half"]["wordings"], Missing)


def test_a_context_of_each_llm_is_no_condition():
    frame = world(PATTERN)
    found = entry_of(frame.assign(context=frame["llm"].str.replace("llm-", "T=0.")))
    assert found["split_half"]["contexts"] == Missing("every llm and variant was asked in one context only")


@pytest.mark.parametrize(
    ("llms", "personas", "path", "reason"),
    [
        (1, 40, "by_llm_family", "one llm family (family-0): there is no other to compare it with"),
        (6, 6, "personas", "fewer than 8 personas"),
        (6, 6, "personas_and_llm_families", "fewer than 2 llm families or 8 personas"),
        (2, 20, "llm_families", "one llm family"),
    ],
)
def test_too_few_is_said(llms, personas, path, reason):
    found = entry_of(world(PATTERN, llms=llms, personas=personas), level="means")
    where = found if path == "by_llm_family" else found["split_half"]
    assert where[path] == Missing(reason)


def test_small_parts_are_refused():
    """32 respondents in all, but most families are one llm that was asked one persona."""
    frame = world(PATTERN, llms=9, personas=8, runs=2)
    few = frame[(frame["persona"] == "p0") | (frame["llm"] < "llm-3")].assign(family=frame["llm"])
    found = entry_of(few, level="means")["by_llm_family"]
    assert found["left_out"]["llm-8"] == Missing("fewer than 8 respondents in a part (1)")
    assert found["left_out"]["llm-0"]["n_respondents"] == 8


def test_no_factors_no_families_and_other_levels_are_said():
    nothing = entry_of(world(PATTERN, own=0.0), n_factors=None)
    assert nothing == Missing("no factor exceeds chance")
    assert entry_of(world(PATTERN), level="pooled") == Missing(
        "parts are compared at levels respondent and means only, not pooled"
    )
    frame = world(PATTERN)
    assert llm_families(frame.drop(columns="family")).startswith("no column family")
    assert llm_families(frame.assign(family=None)).startswith("no column family")
    assert llm_families(frame.assign(family=frame["persona"])).startswith("column family differs within llm 'llm-0'")
    alone = entry_of(frame.drop(columns="family"))["by_llm_family"]
    assert alone["families_from"] == "no column family: each llm counts as a family of its own"
    assert sorted(alone["left_out"]) == sorted(FAMILIES)


def test_missing_answers_and_the_same_seed():
    frame = world(PATTERN)
    frame.loc[np.random.default_rng(0).random(len(frame)) < 0.1, "score"] = np.nan
    first, second = (write_out({"replication": entry_of(frame)}) for _ in range(2))
    assert first == second
    assert min(first["replication"]["split_half"]["personas"]["phi"]) > 0.95


def test_real_answers_replicate_over_llms_in_two_of_three_dimensions(shared):
    """18 llms x 100 personas x 10 runs x 30 items: at most 3 s of CPU for 100 halves of everything."""
    frame = read_long(Path(shared) / "real" / "mfq_base" / "long.csv.gz")
    answers = lay_out(frame)
    estimator = LevelEstimator.of(answers)
    matrices = estimator.matrices(answers.scores, ("pooled", "means", "respondent", "run"))
    with threadpool_limits(1):
        structures = find_structure(answers, estimator, matrices, levels=["means", "respondent"], n_factors=3, draws=1)
        taken = []
        for _ in range(2):
            begun = time.process_time()
            found = replication_entry(answers, structures, "respondent", llm_families(frame), seed=0)
            taken.append(time.process_time() - begun)
    assert min(taken) <= 3.0
    assert found["split_half"]["personas"]["phi"].min() > 0.9
    both = found["split_half"]["personas_and_llm_families"]
    assert both["phi"][0] > 0.95
    assert both["phi"][1] > 0.9
    assert both["phi"][2] < 0.9
    assert found["by_llm_family"]["phi_lowest"][2] < 0.5


def test_llms_without_personas_are_halved_by_llm(shared):
    """218 llms and no personas: halves of the llms share neither, and the four dimensions come back."""
    frame = read_long(shared / "real" / "pwp_bfillm" / "long.csv.gz", {"option_order": "context"})
    found = entry_of(frame[frame["scale"].notna() & (frame["option_order"] == "asc")], n_factors=4)
    assert found["by_llm_family"].reason.startswith("no llm family can be compared: fewer than 8 respondents")
    assert found["split_half"]["personas"] == Missing("fewer than 8 personas")
    assert found["split_half"]["llm_families"]["phi"].min() > 0.9
    assert found["reading"].startswith("4 of 4 factors come back beyond chance")


HOSTILE = {
    "as it is": lambda frame: frame,
    "one run": lambda frame: frame[frame["run"] == "0"],
    "one respondent": lambda frame: frame[(frame["llm"] == "llm-0") & (frame["persona"] == "p0")],
    "one persona": lambda frame: frame[frame["persona"] == "p0"],
    "an item that varies in one llm only": lambda frame: frame.assign(
        score=frame["score"].where((frame["item_id"] != "i0") | (frame["llm"] == "llm-5"), 3.0)
    ),
    "an item that one family never answered": lambda frame: frame.assign(
        score=frame["score"].mask((frame["item_id"] == "i0") & (frame["family"] == "family-1"))
    ),
    "all items the same": lambda frame: frame.assign(
        score=frame.groupby(["llm", "persona", "run"])["score"].transform("first")
    ),
    "zeros and ones": lambda frame: frame.assign(score=(frame["score"] > 0).astype(float), score_min=0, score_max=1),
    "runs that never differ": lambda frame: frame.assign(
        score=frame.groupby(["llm", "persona", "item_id"])["score"].transform("first")
    ),
    "far from zero": lambda frame: frame.assign(score=frame["score"] + 1e6),
    "no more respondents than items": lambda frame: frame[frame["persona"].isin(["p0", "p1", "p2"])],
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("level", ["respondent", "means"])
def test_hostile_tables_get_numbers_or_reasons(name, level):
    frame = HOSTILE[name](world(PATTERN, personas=10)).reset_index(drop=True)
    n_factors = 1 if name == "all items the same" else 2  # there is no second to ask for
    document = write_out({"replication": entry_of(frame, n_factors, level)})
    assert "not defined for these data" not in document["reasons"].values()
    assert document["replication"] is not None or document["reasons"]["replication"]

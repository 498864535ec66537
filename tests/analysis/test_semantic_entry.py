"""The semantic control of long tables: strangers, texts that mirror the structure, and what cannot be told."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from planted_tables import long_table

from persona_big5.analysis.answers import lay_out
from persona_big5.analysis.document import Missing, write_out
from persona_big5.analysis.levels import LevelEstimator
from persona_big5.analysis.semantic import NO_TEXTS, item_texts, semantic_entry
from persona_big5.analysis.structure import find_structure

ITEMS = [f"i{i}" for i in range(16)]
SCALE = np.arange(16) % 4 < 2
WORDS = ("tidy rooms and shelves", "talking with strangers")
MIRROR = {item: f"{WORDS[int(SCALE[i])]}, {'abcdefgh'[i // 2]}" for i, item in enumerate(ITEMS)}
STRANGERS = dict(
    zip(
        ITEMS,
        np.random.default_rng(3).permutation(
            ["apple", "bridge", "candle", "dolphin", "engine", "feather", "guitar", "hammer",
             "island", "jungle", "kettle", "lantern", "mirror", "needle", "orchid", "pepper"]
        ),
        strict=True,
    )
)  # fmt: skip


@pytest.fixture(scope="module")
def planted():
    """Two traits over 6 llms x 20 personas x 3 runs; items of a scale are keyed both ways."""
    random = np.random.default_rng(0)
    traits = np.linalg.qr(random.standard_normal((120, 2)))[0] * np.sqrt(120)  # not correlated by chance either
    cells = traits[:, np.where(SCALE, 0, 1)] + 0.7 * random.standard_normal((120, 16))
    scores = (cells[:, None] + 0.4 * random.standard_normal((120, 3, 16))).reshape(-1, 16)
    frame = long_table(scores, 6, 20, 3)
    frame["score"] *= frame["keyed"]
    answers = lay_out(frame)
    estimator = LevelEstimator.of(answers)
    matrices = estimator.matrices(answers.scores)
    structures = find_structure(answers, estimator, matrices, levels=["respondent"], draws=20)
    return frame, answers, structures


def entry(planted, texts, level="respondent", **given):
    _, answers, structures = planted
    return semantic_entry(answers, structures, level, texts, seed=0, **given)


def test_texts_that_say_nothing_of_the_items_leave_the_structure_as_it_is(planted):
    found = entry(planted, STRANGERS)
    assert found["mantel"]["keyed"]["p_greater"] > 0.05
    without = found["partialled_out"]
    assert (without["n_factors_before"], without["n_factors_after"]) == (2, 2)
    assert without["congruence"]["phi"].min() > 0.99
    assert without["congruence"]["above_null"].all()
    assert not found["text_factors"]["above_null"].any()
    assert found["reading"].startswith("items worded alike do not go together more than others")


def test_texts_that_mirror_the_scales_take_the_structure_with_them_and_nothing_can_be_concluded(planted):
    """Words or content: items of a scale share both, and within scales similarity says nothing."""
    found = entry(planted, MIRROR)
    keyed, raw, absolute = (found["mantel"][kind] for kind in ("keyed", "raw", "absolute"))
    assert keyed["p_greater"] < 0.001
    assert keyed["r"] > 0.8
    assert absolute["r"] > 0.8
    assert abs(raw["r"]) < 0.3  # reversed items are worded alike and answered the other way round
    assert found["mantel"]["keyed_within_scales"]["p_greater"] > 0.05
    without = found["partialled_out"]
    assert without["n_factors_after"] == 0
    assert without["r_squared"] > 0.7
    assert found["text_factors"]["above_null"].all()
    assert "cannot be told" in found["reading"]
    assert found["reading"].endswith("0 of 2 dimensions are left without it")


def test_embeddings_stand_in_for_texts(planted):
    random = np.random.default_rng(1)
    vectors = {item: np.eye(2)[int(SCALE[i])] + 0.3 * random.standard_normal(2) for i, item in enumerate(ITEMS)}
    found = entry(planted, None, embeddings=vectors)
    assert found["similarity"] == "cosine of the embeddings given"
    assert found["mantel"]["keyed"]["p_greater"] < 0.001


def test_what_is_missing_is_said(planted):
    frame, answers, structures = planted
    assert entry(planted, None) == Missing(NO_TEXTS)
    assert entry(planted, item_texts(frame)) == Missing(NO_TEXTS)
    assert entry(planted, {"i0": "one"}).reason.startswith("no text of 15 of 16 items: i1, i10, i11")
    assert entry(planted, dict.fromkeys(ITEMS, "")).reason.startswith("texts 1, 2, 3")
    assert entry(planted, None, embeddings=dict.fromkeys(ITEMS, (0.0,))) == Missing(
        "the embedding of item 1 is all zeros"
    )
    ragged = dict.fromkeys(ITEMS, (1.0,)) | {"i3": (1.0, 2.0)}
    assert entry(planted, None, embeddings=ragged) == Missing("embeddings of the items have 1 to 2 dimensions")
    assert entry(planted, MIRROR, level="means") == Missing("not among the levels asked for")
    by_scales = replace(found := structures["respondent"], variables=replace(found.variables, unit="scales"))
    assert semantic_entry(answers, {"respondent": by_scales}, "respondent", MIRROR, seed=0) == Missing(
        "level respondent is analysed by scale scores, and texts are of items"
    )
    alike = entry(planted, dict.fromkeys(ITEMS, "all the same"))
    assert alike["mantel"]["keyed"] == Missing("all 120 pairs of items are alike: similarity says nothing of them")
    assert alike["reading"] == "similarity of texts says nothing of these items"
    document = write_out({"semantic": alike})
    assert document["semantic"]["partialled_out"] is None
    assert "equally similar" in document["reasons"]["semantic.partialled_out"]


def test_without_factors_the_similarity_is_still_tested(planted):
    _, answers, structures = planted
    none = replace(structures["respondent"], solution=None, reasons={"solution": "no factor exceeds chance"})
    found = semantic_entry(answers, {"respondent": none}, "respondent", MIRROR, seed=0)
    assert found["mantel"]["keyed"]["p_greater"] < 0.001
    assert found["text_factors"] == found["partialled_out"]["congruence"] == Missing("no factor exceeds chance")


def test_texts_are_found_in_the_table():
    frame = pd.DataFrame({"item_id": ["a", "a", "b"], "score": [1.0, 2.0, 3.0]})
    assert item_texts(frame) == NO_TEXTS
    assert item_texts(frame.assign(text=["x", "x", "y"])) == {"a": "x", "b": "y"}
    assert item_texts(frame.assign(text=["reply one", "reply two", "y"])) == NO_TEXTS  # replies, not items
    assert item_texts(frame.assign(item_text=["x", None, "y"])) == {"a": "x", "b": "y"}
    assert item_texts(frame.assign(item_text=["x", "z", "y"])) == "column item_text has more than one text for item 'a'"
    frame.attrs["item_texts"] = {"a": "from the store"}
    assert item_texts(frame) == {"a": "from the store"}

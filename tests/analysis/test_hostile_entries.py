"""Distance, drift, mixtures and missing answers of hostile tables: a number or a reason, nothing else."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from planted_tables import long_table

from persona_big5.analysis.answers import lay_out
from persona_big5.analysis.axis import axis_entry
from persona_big5.analysis.document import UNDEFINED, write_out
from persona_big5.analysis.levels import LevelEstimator
from persona_big5.analysis.missingness import missingness_entry
from persona_big5.analysis.mixtures import mixtures_entry
from persona_big5.analysis.occasions import drift_entry
from persona_big5.analysis.structure import find_structure

R = np.random.default_rng(90)


def table(scores, llms, personas, runs):
    frame = long_table(np.asarray(scores, dtype=float), llms, personas, runs)
    return frame.assign(context="neutral", wording="a", option_order="forward", occasion="")


def likert(llms=2, personas=6, runs=3, items=6):
    trait = R.normal(size=(llms, personas, 1, items))
    return np.clip(np.rint(3 + trait + R.normal(size=(llms, personas, runs, items))), 1, 5).reshape(-1, items)


def lost(scores, share=0.2):
    return np.where(R.random(scores.shape) < share, np.nan, scores)


def with_column(scores, column, values):
    scores = scores.copy()
    scores[:, column] = values
    return scores


def in_contexts(frame, *contexts):
    parts = frame["run"].astype(int) % len(contexts)
    return frame.assign(context=np.array(contexts)[parts])


HOSTILE = {
    "more items than respondents": table(likert(items=40), 2, 6, 3),
    "a constant item": table(with_column(likert(), 0, 3.0), 2, 6, 3),
    "an unanswered item": table(with_column(likert(), 1, np.nan), 2, 6, 3),
    "one respondent": table(likert(1, 1, 5), 1, 1, 5),
    "one run": table(likert(runs=1), 2, 6, 1),
    "one item": table(likert(items=1), 2, 6, 3),
    "answers that never change": table(np.repeat(likert(runs=1), 3, axis=0), 2, 6, 3),
    "the same item twice": table(np.repeat(likert(items=3), 2, axis=1), 2, 6, 3),
    "yes and no": table(likert() > 3, 2, 6, 3).assign(score_min=0.0, score_max=1.0),
    "many missing": table(lost(likert(), 0.6), 2, 6, 3),
    "some missing, ends unknown": table(lost(likert()), 2, 6, 3).assign(score_min=np.nan, score_max=np.nan),
    "huge numbers": table(1e9 * likert(), 2, 6, 3).assign(score_min=1e9, score_max=5e9),
    "forty runs that hardly change": table(with_column(np.full((80, 3), 2.0), 0, R.integers(1, 3, 80)), 1, 2, 40),
    "contexts": in_contexts(table(lost(likert(runs=6)), 2, 6, 6), "neutral", "push-1", "push-2"),
    "contexts asked once": in_contexts(table(likert(runs=3), 2, 6, 3), "neutral", "control", "talk"),
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("default", [True, False])
def test_a_number_or_a_reason(name, default):
    frame = HOSTILE[name]
    frame = frame.assign(persona=frame["persona"].replace({"p0": "default"})) if default else frame
    answers = lay_out(frame)
    estimator = LevelEstimator.of(answers)
    matrices = estimator.matrices(answers.scores)
    structures = find_structure(answers, estimator, matrices, levels=("means",), n_factors=1, draws=20)
    level = None if isinstance(structures["means"], str) else "means"
    document = write_out(
        {
            "axis": axis_entry(answers, structures, matrices, level),
            "drift": drift_entry(frame),
            "mixtures": mixtures_entry(answers, draws=99),
            "missingness_bounds": missingness_entry(frame),
        }
    )
    assert UNDEFINED not in document["reasons"].values()
    assert "infinite" not in document["reasons"].values()
    assert all(re.search(r"\w{3}", reason) for reason in document["reasons"].values())
    json.dumps(document, allow_nan=False)

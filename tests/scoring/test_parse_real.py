"""Replies of 39 real llms to agreement items, labelled by two raters who agreed (rules beside the data)."""

from __future__ import annotations

import csv
import gzip

from scoring_sessions import make_session, read

from persona_big5.questionnaire.model import ResponseScale

AS_LABEL = {"refused": "refusal", "truncated": "truncated"}


def _session(options):
    """A session whose options are those listed, in their order."""
    pairs = [option.split("=") for option in options.split("|")]
    listed = {float(value): label.strip().rstrip(".") for value, label in pairs}
    values = tuple(sorted(listed))
    order = "forward" if list(listed) == list(values) else "reversed"
    return make_session(scale=ResponseScale(values=values, labels=tuple(listed[v] for v in values)), option_order=order)


def test_agreement_with_the_raters(shared):
    with gzip.open(shared / "real" / "pwp_bfillm" / "raw_answers.csv.gz", "rt", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["label"]]
    same, read_as_another = 0, []

    for row in rows:
        (answer,) = read(row["response"], _session(row["options"]), None)
        label = f"{answer.score:g}" if answer.state == "answered" else AS_LABEL.get(answer.state, "unparsable")
        same += label == row["label"]
        if answer.state == "answered" and label != row["label"]:
            read_as_another.append(row["id"])

    assert len(rows) == 146
    assert same >= 141
    assert read_as_another == []

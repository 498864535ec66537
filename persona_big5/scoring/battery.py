"""Answers to items of other kinds than shared options, scored for every respondent: one table for each kind."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from persona_big5.errors import NotEstimableError
from persona_big5.scoring.allocation import allocate
from persona_big5.scoring.features import count_features
from persona_big5.scoring.norms import RESPONDENT
from persona_big5.scoring.paired import Pair, paired_scores
from persona_big5.scoring.parse import without_thoughts
from persona_big5.scoring.situations import place_bias, situation_scores
from persona_big5.store.records import LONG_KEY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from persona_big5.questionnaire import Item, Questionnaire
    from persona_big5.questionnaire.model import AnswerKind

    Row = dict[str, Any]

_SEED = 1  # of permutations


def battery_tables(long: pd.DataFrame, questionnaires: Sequence[Questionnaire]) -> dict[str, pd.DataFrame]:
    """Score the answers to items of each kind.

    Parameters
    ----------
    long
        A long table; a respondent is a combination of llm, variant and persona in a context. Missing scores are left
        out.
    questionnaires
        What was asked.

    Returns
    -------
    dict of DataFrame
        By name, those of which the table has answers, one row per respondent and …

        - ``chances``: item, with its ``probe``; ``chance`` (0 to 1) is the mean over runs, to be held against rates by
          `calibration`.
        - ``aims``: aim of a set; ``share`` with ``se``. ``transitivity``: set (see `allocate`).
        - ``situations``: scale (see `situation_scores`). ``places``: nothing else (see `place_bias`).
        - ``paired``: scale (see `paired_scores`), Bradley-Terry.
        - ``features``: reply, under its key (see `count_features`).

        ``reason`` says why numbers are missing.
    """
    items = {
        item.id: (item, questionnaire.response_scales[item.response_scale].kind)
        for questionnaire in questionnaires
        for item in questionnaire.items
    }
    points = {
        item.id: questionnaire.response_scales[item.response_scale].maximum or 1.0
        for questionnaire in questionnaires
        for item in questionnaire.items
    }
    answered = long[long["state"] == "answered"]

    def of_kind(kind: AnswerKind) -> tuple[pd.DataFrame, dict[str, Item]]:
        these = {name: item for name, (item, its_kind) in items.items() if its_kind == kind}
        rows = answered[answered["item_id"].isin(list(these))]
        return rows if kind == "open" else rows[rows["score"].notna()], these

    numbers, predicted = of_kind("number")
    splits, divided = of_kind("split")
    choices, vignettes = of_kind("choice")
    pairs, compared = of_kind("pair")
    replies, _ = of_kind("open")
    tables = {
        "chances": _by_respondent(numbers, lambda rows: _chances(rows, predicted, points)),
        "aims": _by_respondent(splits, lambda rows: _aims(rows, divided, points)),
        "transitivity": _by_respondent(splits, lambda rows: _transitivity(rows, divided, points)),
        "situations": _by_respondent(choices, lambda rows: _situations(rows, vignettes)),
        "places": _by_respondent(choices, lambda rows: _places(rows, vignettes)),
        "paired": _by_respondent(pairs, lambda rows: _paired(rows, compared)),
        "features": _features(replies),
    }
    return {name: table for name, table in tables.items() if not table.empty}


def _by_respondent(rows: pd.DataFrame, score: Callable[[pd.DataFrame], Iterator[Row]]) -> pd.DataFrame:
    found: list[Row] = []
    for respondent, theirs in rows.groupby(list(RESPONDENT), sort=True):
        found += [dict(zip(RESPONDENT, respondent, strict=True)) | row for row in score(theirs)]
    return pd.DataFrame(found)


def _chances(rows: pd.DataFrame, items: dict[str, Item], ends: dict[str, float]) -> Iterator[Row]:
    for item_id, mean in rows.groupby("item_id")["score"].mean().items():
        name = str(item_id)
        yield {"item_id": name, "probe": items[name].probe, "keyed": items[name].key, "chance": mean / ends[name]}


def _aims(rows: pd.DataFrame, items: dict[str, Item], points: dict[str, float]) -> Iterator[Row]:
    for name, theirs in rows.groupby("scale"):
        for share in allocate(*_divisions(theirs, items, points)).shares:
            yield {"set": name, **asdict(share)}


def _transitivity(rows: pd.DataFrame, items: dict[str, Item], points: dict[str, float]) -> Iterator[Row]:
    for name, theirs in rows.groupby("scale"):
        found = asdict(allocate(*_divisions(theirs, items, points)))
        found["violations"] = "; ".join(" ".join(three) for three in found["violations"])
        yield {"set": name, **{field: found[field] for field in found if field != "shares"}}


def _divisions(
    rows: pd.DataFrame, items: dict[str, Item], points: dict[str, float]
) -> tuple[list[str], list[str], np.ndarray[Any, np.dtype[np.float64]]]:
    aims = [[option.scale or "" for option in items[name].options] for name in rows["item_id"]]
    given = rows["item_id"].map(points).to_numpy(dtype=float)
    return [first for first, _ in aims], [second for _, second in aims], rows["score"].to_numpy(dtype=float) / given


def _situations(rows: pd.DataFrame, items: dict[str, Item]) -> Iterator[Row]:
    scales = [items[name].scale for name in rows["item_id"]]
    for score in situation_scores(scales, rows["item_id"].tolist(), rows["score"]):
        yield asdict(score)


def _places(rows: pd.DataFrame, items: dict[str, Item]) -> Iterator[Row]:
    # An expected score by log-probabilities is no one action, and has no place.
    keys = {name: [option.key for option in item.options] for name, item in items.items()}
    chosen = rows[[score in keys[name] for name, score in zip(rows["item_id"], rows["score"], strict=True)]]
    names = chosen["item_id"].tolist()
    taken = [keys[name].index(score) for name, score in zip(names, chosen["score"], strict=True)]
    try:
        found = place_bias(
            names, taken, chosen["option_order"].tolist(), [len(keys[name]) for name in names], seed=_SEED
        )
    except NotEstimableError as error:
        yield {"reason": str(error)}
        return
    row = asdict(found)
    for field in ("observed", "expected"):
        row[field] = " ".join(f"{count:g}" for count in row[field])
    yield {**row, "reason": None}


def _paired(rows: pd.DataFrame, items: dict[str, Item]) -> Iterator[Row]:
    pairs = [_pair(items[name]) for name in rows["item_id"]]
    # By log-probabilities a choice is a number between: the likelier statement is taken for chosen.
    chosen = np.sign(rows["score"].to_numpy(dtype=float))
    try:
        found = paired_scores(rows["item_id"].tolist(), pairs, np.where(chosen == 0, np.nan, chosen))
    except NotEstimableError as error:
        yield {"reason": str(error)}
        return
    for scale, score, se in zip(found.scales, found.scores, found.se, strict=True):
        about = {"n_pairs": found.n_pairs, "reproduced": found.reproduced, "is_ipsative": found.is_ipsative}
        yield {"scale": scale, "score": score, "se": se, **about, "reason": None}


def _pair(item: Item) -> Pair:
    first, second = item.options
    return Pair(first.scale or "", second.scale or "", first.key, second.key)


def _features(rows: pd.DataFrame) -> pd.DataFrame:
    counted = [asdict(count_features(without_thoughts(text)[0])) for text in rows["raw_response"].fillna("")]
    return pd.concat([rows[list(LONG_KEY)].reset_index(drop=True), pd.DataFrame(counted)], axis=1)

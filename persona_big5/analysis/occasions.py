"""Anchor items, asked at the start, in the middle and at the end: which asking is analysed, and what changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from persona_big5.analysis.conditions import (
    Measured,
    contexts_in_order,
    control_entry,
    course_entry,
    ladder_entries,
    measure,
    stability_entry,
    stickiness_entry,
)
from persona_big5.analysis.document import Missing
from persona_big5.analysis.position import OVERALL
from persona_big5.errors import DataError, NotEstimableError
from persona_big5.store.longtable import KEY, KEY_DEFAULTS
from persona_big5.validity.drift import occasion_drift
from persona_big5.variance.jackknife import FEWEST_LEVELS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import pandas as pd

    from persona_big5.variance.groups import FloatArray

NONE = KEY_DEFAULTS["occasion"]
IN_TIME = ("start", "middle", "end")
FEWEST_OCCASIONS = 2


def first_asking(frame: pd.DataFrame) -> pd.DataFrame:
    """Keep one asking of each anchor, the first, beside the items that have no occasion; note what is left aside.

    So an anchor stands in the same run as the other items of its session. Where every item has occasions, as in tables
    of repeated surveys, all are kept and count as runs.
    """
    occasion = frame["occasion"].astype(object)
    marked = occasion != NONE
    if not marked.any() or marked.all():
        return frame
    rank = occasion.map({name: place for place, name in enumerate([NONE, *_in_order(occasion[marked].unique())])})
    first = rank == rank.groupby(frame["item_id"].astype(object)).transform("min")
    kept: pd.DataFrame = frame[first].assign(occasion=NONE)
    anchors = ", ".join(sorted(frame.loc[marked, "item_id"].astype(str).unique()))
    note = f"anchors ({anchors}) are analysed as first asked; {int((~first).sum()):,} later askings serve `drift` only"
    kept.attrs["notes"] = [*frame.attrs.get("notes", []), note]
    return kept


def _in_order(names: Iterable[str]) -> list[str]:
    """Occasions in time: start, middle, end; any others after these, by name."""
    return sorted(names, key=lambda name: (IN_TIME.index(name) if name in IN_TIME else len(IN_TIME), str(name)))


def drift_entry(frame: pd.DataFrame, *, seed: int = 0) -> dict[str, Any] | Missing:
    """``drift``: what changes and what stays from occasion to occasion, wave to wave, context to context.

    Parameters
    ----------
    frame
        Long table of one mode, placebo personas left out.
    seed
        Everything random derives from it.

    Returns
    -------
    entry
        ``unit``, ``occasions``, ``scales``: means of the anchors at each occasion, by scale and of all, and the test
        that they are equal. Askings are matched by all of the key but the occasion, keyed (scores in units of the
        response scale where items differ in its width), and used where the item was answered at every occasion; then
        averaged within units: personas, over which intervals and the test generalise (for these llms), or llms where
        there are fewer than 4 personas. ``stability`` over occasions, waves and contexts: rank order, profile, change
        with its standard error of measurement, and the share of respondents that changed reliably. ``against_control``,
        ``course`` (slopes and half-lives over occasions, by context) and ``ladders`` (slopes and stickiness): see
        ``analysis.conditions`` for how contexts are named. ``stickiness``: of personas over occasions.
    """
    anchors = _anchors(frame)
    marked = (frame["occasion"].astype(object) != NONE) & frame["score"].notna()
    occasions = _in_order(frame.loc[marked, "occasion"].astype(object).unique())
    once = first_asking(frame)
    measured = {column: _measured(once, column) for column in ("wave", "context")}
    if isinstance(anchors, Missing):
        if all(isinstance(found, Missing) for found in measured.values()):
            return anchors
        anchors = {"unit": anchors, "occasions": [], "scales": {OVERALL: anchors}}
    measured["occasion"] = (
        _measured(frame[marked], "occasion")
        if len(occasions) >= FEWEST_OCCASIONS
        else Missing("no item was asked at several occasions (anchors)")
    )
    contexts, of_occasions = measured["context"], measured["occasion"]
    return {
        **anchors,
        "stability": {
            column: found if isinstance(found, Missing) else stability_entry(found)
            for column, found in measured.items()
        },
        "against_control": contexts if isinstance(contexts, Missing) else control_entry(contexts),
        "course": of_occasions if isinstance(of_occasions, Missing) else course_entry(frame[marked], occasions),
        "ladders": contexts if isinstance(contexts, Missing) else ladder_entries(contexts, seed=seed),
        "stickiness": of_occasions
        if isinstance(of_occasions, Missing)
        else stickiness_entry(of_occasions, of_occasions.conditions, np.linspace(0, 1, len(occasions)), seed=seed),
    }


def _measured(frame: pd.DataFrame, column: str) -> Measured | Missing:
    if len(frame[column].unique()) < FEWEST_OCCASIONS:
        return Missing(f"one {column} only")
    in_order: dict[str, Callable[[Sequence[str]], list[str]]] = {
        "wave": sorted, "context": contexts_in_order, "occasion": _in_order,
    }  # fmt: skip
    try:
        return measure(frame, column, in_order[column])
    except DataError as error:
        return Missing(str(error))


def _anchors(frame: pd.DataFrame) -> dict[str, Any] | Missing:
    """Means of the anchors at each occasion, by scale and of all, and the test that they are equal."""
    anchored = frame[(frame["occasion"].astype(object) != NONE) & frame["score"].notna()]
    names = _in_order(anchored["occasion"].astype(object).unique())
    if len(names) < FEWEST_OCCASIONS:
        return Missing("no item was asked at several occasions (anchors)")
    if (frame["score_max"] - frame["score_min"]).isna().any():
        return Missing("ends of the response scales are not known")
    matched = _matched(anchored.assign(score=_keyed(anchored, frame)), names)
    unit = next((column for column in ("persona", "llm") if matched[column].nunique() >= FEWEST_LEVELS), None)
    if unit is None:
        return Missing(f"fewer than {FEWEST_LEVELS} personas and llms answered an anchor at every occasion")
    scales = {**dict(iter(matched.groupby("scale"))), OVERALL: matched}
    return {
        "unit": unit,
        "occasions": names,
        "scales": {scale: _scale_entry(own, unit, names) for scale, own in scales.items()},
    }


def _keyed(anchored: pd.DataFrame, frame: pd.DataFrame) -> pd.Series[float]:
    low, high = anchored["score_min"].astype(float), anchored["score_max"].astype(float)
    keyed = anchored["score"].where(~(anchored["keyed"] < 0), low + high - anchored["score"])
    widths = (frame["score_max"] - frame["score_min"]).astype(float)
    return keyed if widths.min() == widths.max() else (keyed - low) / (high - low)


def _matched(anchored: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """One row per asking answered at every occasion: its key, scale, and the scores by occasion."""
    index = [column for column in KEY if column != "occasion"]
    rows = anchored[[*index, "occasion", "scale", "score"]].astype(dict.fromkeys((*index, "occasion", "scale"), object))
    rows["scale"] = rows["scale"].where(rows["scale"].notna(), OVERALL)
    by_asking = rows.pivot_table(index=[*index, "scale"], columns="occasion", values="score")
    return by_asking[names].dropna().reset_index()


def _scale_entry(matched: pd.DataFrame, unit: str, names: list[str]) -> dict[str, Any] | Missing:
    try:
        found = occasion_drift(matched.groupby(unit)[names].mean().to_numpy())
    except NotEstimableError as error:
        return Missing(f"{unit}s: {error}")
    no_test = Missing("changes do not vary enough for a test")
    return {
        "n_items": matched["item_id"].nunique(),
        "n_units": found.n,
        "n_askings": len(matched),
        "mean": _by_occasion(names, found.mean, found.mean_ci_low, found.mean_ci_high),
        "change": _by_occasion(names[1:], found.change, found.change_ci_low, found.change_ci_high),
        "f": no_test if found.f is None else found.f,
        "df": list(found.df),
        "p": no_test if found.p is None else found.p,
    }


def _by_occasion(names: Sequence[str], *parts: FloatArray) -> dict[str, dict[str, float]]:
    return {
        name: {"estimate": float(estimate), "ci_low": float(low), "ci_high": float(high)}
        for name, estimate, low, high in zip(names, *parts, strict=True)
    }

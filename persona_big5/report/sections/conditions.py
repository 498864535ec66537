"""What becomes of respondents: asked again later, in another context, on another day, under pressure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from persona_big5.report.fragments import Fragment, details, paragraph, table
from persona_big5.report.words import count, interval, number, p_value, percent, short, with_interval

if TYPE_CHECKING:
    from persona_big5.report.findings import Findings

_LATER = {"occasion": "later in one session", "wave": "another wave", "context": "another context"}


def show_drift(findings: Findings) -> Fragment:
    """Show what changes and what stays over occasions, waves and contexts."""
    found = findings.value("drift")
    if found is None:
        return Fragment.of(paragraph(f"Not known: {findings.reason('drift')}.", "note"))
    pieces = [_anchors(found), _stability(found), _against_control(found), _ladders(found), _course(found)]
    if not any(pieces):
        return Fragment.of(paragraph(f"Not known: {findings.reason('drift', 'scales', 'all')}.", "note"))
    return Fragment.of(*pieces)


def _anchors(found: dict[str, Any]) -> str:
    """Means of the anchors at the first occasion, and their change at each later one."""
    rows = [
        {
            "scale": scale,
            "items": entry["n_items"],
            "units": entry["n_units"],
            "first": entry["mean"][found["occasions"][0]]["estimate"],
            "occasion": occasion,
            "change": entry["change"][occasion]["estimate"],
            "interval": interval(entry["change"][occasion]["ci_low"], entry["change"][occasion]["ci_high"]),
            "p": entry["p"],
        }
        for scale, entry in found["scales"].items()
        if entry is not None
        for occasion in found["occasions"][1:]
    ]
    if not rows:
        return ""
    unit, first = found["unit"], found["occasions"][0]
    return table(
        pd.DataFrame(rows),
        {
            "scale": "scale",
            "items": "anchors",
            "units": f"{unit}s",
            "first": f"mean, {first}",
            "occasion": "later",
            "change": "change",
            "interval": "95 % interval",
            "p": "p",
        },
        "Anchors, asked again.",
        f"Keyed scores. Change: within one run of one cell, averaged over anchors; interval over {unit}s. p: of "
        "the test that all occasions of the scale have the same mean (Hotelling). Askings that were not answered "
        "at every occasion are left out.",
        formats={"items": count, "units": count, "first": number, "change": number, "interval": str, "p": p_value},
    )


def _stability(found: dict[str, Any]) -> str:
    """Ranks, changes and profiles of respondents between the first condition and each later one."""
    rows = [
        {
            "what": what,
            "later": f"{kept['first']} \N{RIGHTWARDS ARROW} {later}",
            "scale": scale,
            **_kept(entry, of_later),
        }
        for kind, what in _LATER.items()
        if (kept := (found.get("stability") or {}).get(kind)) is not None
        for later, of_later in kept["later"].items()
        for scale, entry in of_later["scales"].items()
        if entry["rank_order"] is not None or entry["change"] is not None
    ]
    if not rows:
        return ""
    return table(
        pd.DataFrame(rows),
        {"what": "", "later": "from, to", "scale": "scale", "ranks": "r", "change": "change", "sem": "SEM",
         "moved": "moved reliably", "profile": "profile"},
        "Do respondents stay what they are?",
        "r: do the same respondents stand high (95 % interval over llms and personas). Change: of the mean, in points "
        "of the response scale; SEM: how much one respondent's change is off by run noise alone; moved reliably: share "
        "of respondents whose change exceeds that. Profile: how alike a respondent's pattern of scales is, what all "
        "respondents have in common left out.",
        formats={"ranks": str, "change": str, "sem": number, "moved": percent, "profile": short},
    )  # fmt: skip


def _kept(entry: dict[str, Any], of_later: dict[str, Any]) -> dict[str, Any]:
    order, change = entry["rank_order"], entry["change"] or {}
    pearson = None if order is None else order["pearson"]
    up, down = change.get("reliably_up"), change.get("reliably_down")
    profile = of_later["profile"]
    return {
        "ranks": short(None) if pearson is None else with_interval(*_three(pearson)),
        "change": _told(change or None),
        "sem": change.get("sem"),
        "moved": None if up is None or down is None else up + down,
        "profile": None if profile is None else profile["distinctive"]["estimate"],
    }


def _against_control(found: dict[str, Any]) -> str:
    rows = [
        {"context": f"{context} against {entry['control']}", "scale": scale, "change": _told(change)}
        for context, entry in (found.get("against_control") or {}).items()
        for scale, change in entry["scales"].items()
        if change is not None
    ]
    if not rows:
        return ""
    return table(
        pd.DataFrame(rows),
        {"context": "context", "scale": "scale", "change": "difference"},
        "Contexts against their bland controls.",
        "What a context does beyond any conversation of its length; 95 % interval over llms and personas.",
        formats={"change": str},
    )


def _ladders(found: dict[str, Any]) -> str:
    """Slopes and stickiness on every ladder of pressure, and over occasions."""
    ladders = found.get("ladders") or {}
    rows = [
        {"ladder": name, "scale": scale, "slope": _told(entry["slope"]), "difference": _told(entry["difference"])}
        for name, ladder in ladders.items()
        for scale, entry in ladder["scales"].items()
        if entry["slope"] is not None
    ]
    sticks = {name: ladder["stickiness"] for name, ladder in ladders.items()} | {"occasions": found.get("stickiness")}
    left = "".join(
        paragraph(
            f"Stickiness ({name}): personas keep {percent(one['area'])} of what sets them apart from "
            f"'{one['default']}' (95 % interval {percent(one['ci_low'])} to {percent(one['ci_high'])}, "
            f"n = {count(one['n'])})."
        )
        for name, one in sticks.items()
        if one is not None
    )
    slopes = (
        table(
            pd.DataFrame(rows),
            {"ladder": "ladder", "scale": "scale", "slope": "slope", "difference": "beyond the control"},
            "Ladders of pressure.",
            "Slope of the mean per rung, and beyond that of the control's ladder; 95 % interval over llms and "
            "personas.",
            formats={"slope": str, "difference": str},
        )
        if rows
        else ""
    )
    return slopes + left


def _course(found: dict[str, Any]) -> str:
    rows = [
        {
            "context": context,
            "with": entry["compared_with"] or "",
            "scale": scale,
            "slope": _told(one["slope"]),
            "half_life": _told(one["half_life"]),
        }
        for context, entry in (found.get("course") or {}).items()
        for scale, one in entry["scales"].items()
        if one["slope"] is not None
    ]
    if not rows:
        return ""
    return details(
        "Course of each context over the occasions",
        table(
            pd.DataFrame(rows),
            {
                "context": "context",
                "with": "compared with",
                "scale": "scale",
                "slope": "slope",
                "half_life": "half-life",
            },
            "",
            "Slope per session; half-life of what the context did, in sessions.",
            formats={"slope": str, "half_life": str},
        ),
    )


def _told(found: dict[str, Any] | None) -> str:
    """Write an estimate with its interval."""
    if found is None or found["estimate"] is None:
        return number(None)
    value, low, high = _three(found)
    return number(value) if low is None or high is None else f"{number(value)} ({interval(low, high)})"


def _three(found: dict[str, Any]) -> tuple[float | None, float | None, float | None]:
    return found["estimate"], found["ci_low"], found["ci_high"]

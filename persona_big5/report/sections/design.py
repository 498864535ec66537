"""What the next study needs: items and runs for a wanted reliability."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from persona_big5.report.fragments import Fragment, paragraph, table
from persona_big5.report.words import NOTHING, short

if TYPE_CHECKING:
    from persona_big5.report.findings import Findings

ALL_ITEMS = "all_items"
TIMES = " \N{MULTIPLICATION SIGN} "


def show_design(findings: Findings) -> Fragment:
    """Show the cheapest design of each scale for each wanted reliability."""
    decisions = {
        scale: found
        for scale, found in (findings.value("decision") or {}).items()
        if found is not None and scale != ALL_ITEMS
    }
    targets = list(dict.fromkeys(target for found in decisions.values() for target in found["cheapest"]))
    rows = []
    for scale, found in decisions.items():
        study = findings.value("variance", "g_study", scale) or {}
        row = {"scale": scale, "g": study.get("g_coefficient"), "phi": study.get("phi")}
        for target in targets:
            cheapest = found["cheapest"].get(target)
            row[target] = NOTHING if cheapest is None else _design(cheapest)
        rows.append(row)
    if not rows:
        return Fragment.of(paragraph(f"Not known: {findings.reason('decision', ALL_ITEMS)}.", "note"))
    return Fragment.of(
        table(
            pd.DataFrame(rows),
            {
                "scale": "scale",
                "g": "g now",
                "phi": "phi now",
                **{target: f"phi {short(float(target))}" for target in targets},
            },
            "Cheapest design for a wanted reliability.",
            "g: for comparing respondents with each other; phi: for their absolute scores. Calls: of one respondent, "
            "each item asked on its own. A dash: no design of the grid gets there. More items or wordings nearly "
            "always buy more than more runs.",
            formats={"g": short, "phi": short, **dict.fromkeys(targets, str)},
        )
    )


def _design(row: dict[str, float]) -> str:
    factors = [
        f"{row[key]:.0f} {what}{'s' if row[key] != 1 else ''}"
        for key, what in (("n_items", "item"), ("n_wordings", "wording"), ("n_runs", "run"))
        if row.get(key) is not None
    ]
    return f"{TIMES.join(factors)} ({row['calls']:.0f} calls)"

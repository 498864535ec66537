"""Sections that only some data have: which are left out of a report, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from persona_big5.report.findings import Findings

RESTS_ON = {
    "replication": ("replication",),
    "semantic": ("semantic",),
    "place": ("style", "all", "position_bias"),
    "probability": ("probability",),
    "axis": ("axis",),
    "mixtures": ("mixtures",),
    "drift": ("drift",),
    "confirmatory": ("confirmatory",),
    "invariance": ("invariance",),
    "unanswered": ("missingness_bounds",),
}
"""Path in ``analysis.json`` by section; a section whose path is null is left out."""


def absent(findings: Findings) -> dict[str, str]:
    """Return {section: why it is left out}."""
    left_out = {section: findings.reason(*path) for section, path in RESTS_ON.items() if findings.value(*path) is None}
    if findings.value("scores", findings.reported_level) is None:
        left_out["scores"] = findings.reason("scores", findings.reported_level)
    if findings.truth is None:
        left_out["planted"] = "no simulated population"
    return left_out

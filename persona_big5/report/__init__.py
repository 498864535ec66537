"""Telling: an analysed folder becomes tables, figures, an executed notebook and one page that needs nothing else.

Names are loaded when first used, so that importing the package costs nothing. Cells of the notebook call the `show_…`
functions and nothing else.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from persona_big5.report.findings import Findings, load_findings
    from persona_big5.report.make import make_report
    from persona_big5.report.sections import (
        show_axis,
        show_confirmatory,
        show_correlations,
        show_data,
        show_design,
        show_drift,
        show_factors,
        show_invariance,
        show_llms,
        show_loadings,
        show_missing,
        show_mixtures,
        show_place,
        show_planted,
        show_probability,
        show_provenance,
        show_replication,
        show_scales,
        show_scores,
        show_semantic,
        show_style,
        show_unanswered,
        show_variance,
        show_verdict,
    )

_HOME = {"Findings": "findings", "load_findings": "findings", "make_report": "make"}

__all__ = [
    "Findings",
    "load_findings",
    "make_report",
    "show_axis",
    "show_confirmatory",
    "show_correlations",
    "show_data",
    "show_design",
    "show_drift",
    "show_factors",
    "show_invariance",
    "show_llms",
    "show_loadings",
    "show_missing",
    "show_mixtures",
    "show_place",
    "show_planted",
    "show_probability",
    "show_provenance",
    "show_replication",
    "show_scales",
    "show_scores",
    "show_semantic",
    "show_style",
    "show_unanswered",
    "show_variance",
    "show_verdict",
]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME.get(name, 'sections')}"), name)

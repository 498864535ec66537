"""Psychometrics of LLM answers.

Which traits move together across personas and fine-tunes, and do they predict behaviour?

>>> import persona_big5 as pb5
>>> pb5.analyze_table  # doctest: +ELLIPSIS
<function analyze_table at ...>
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from persona_big5.analysis import analyze_table
    from persona_big5.factors import fit_factors
    from persona_big5.report import make_report
    from persona_big5.runner import run_study
    from persona_big5.store import long_table
    from persona_big5.store import open_for_writing as open_store
    from persona_big5.study import load_study, plan
    from persona_big5.variance import variance_components

_HOME = {
    "analyze_table": ("analysis", "analyze_table"),
    "fit_factors": ("factors", "fit_factors"),
    "load_study": ("study", "load_study"),
    "long_table": ("store", "long_table"),
    "make_report": ("report", "make_report"),
    "open_store": ("store", "open_for_writing"),
    "plan": ("study", "plan"),
    "run_study": ("runner", "run_study"),
    "variance_components": ("variance", "variance_components"),
}

__all__ = [
    "analyze_table",
    "fit_factors",
    "load_study",
    "long_table",
    "make_report",
    "open_store",
    "plan",
    "run_study",
    "variance_components",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401  (any of the exported names)
    """Load a name's module when it is first used: importing the package costs next to nothing."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, attribute = _HOME[name]
    return getattr(import_module(f"{__name__}.{module}"), attribute)


def __dir__() -> list[str]:
    return sorted(__all__)

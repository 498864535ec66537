"""Keeping: one DuckDB file with a journal beside it, and the only door to DuckDB.

Who asks writes through `open_for_writing`; everybody else reads, also while somebody writes. Names are loaded when
first used, so that what needs no Parquet or pandas does not pay for them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from persona_big5.store.records import OPEN_STATES, Answer, Exchange, State

if TYPE_CHECKING:
    from persona_big5.store.coverage import Status, status
    from persona_big5.store.exporting import export, group_sums
    from persona_big5.store.importing import import_answers
    from persona_big5.store.reading import connect_reading, long_table, sql, studies
    from persona_big5.store.replies import exchanges
    from persona_big5.store.writing import Store, open_for_writing

_HOME = {
    "Status": "coverage",
    "Store": "writing",
    "connect_reading": "reading",
    "exchanges": "replies",
    "export": "exporting",
    "group_sums": "exporting",
    "import_answers": "importing",
    "long_table": "reading",
    "open_for_writing": "writing",
    "sql": "reading",
    "status": "coverage",
    "studies": "reading",
}

__all__ = [
    "OPEN_STATES",
    "Answer",
    "Exchange",
    "State",
    "Status",
    "Store",
    "connect_reading",
    "exchanges",
    "export",
    "group_sums",
    "import_answers",
    "long_table",
    "open_for_writing",
    "sql",
    "status",
    "studies",
]


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)

"""The option ``--map field=column``: which column of a table holds a field."""

from __future__ import annotations

from typing import TYPE_CHECKING

from persona_big5.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence


def parse_mapping(pairs: Sequence[str] | None) -> dict[str, str]:
    """Read the options as {field: column}; raises DataError for one that is not FIELD=COLUMN."""
    mapping = {}
    for pair in pairs or ():
        field, equals, column = pair.partition("=")
        if not (equals and field and column):
            raise DataError(f"--map {pair!r} is not FIELD=COLUMN, for example --map score=rating")
        mapping[field] = column
    return mapping

"""The options ``--map field=column`` and ``--set field=value``: what holds a field of a table, or what it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from persona_big5.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence


def parse_mapping(pairs: Sequence[str] | None, option: str = "--map") -> dict[str, str]:
    """Read the options as {field: column or value}; raises DataError for one that lacks either."""
    mapping = {}
    for pair in pairs or ():
        field, equals, column = pair.partition("=")
        if not (equals and field and column):
            form, example = ("FIELD=COLUMN", "score=rating") if option == "--map" else ("FIELD=VALUE", "llm=my-model")
            raise DataError(f"{option} {pair!r} is not {form}, for example {option} {example}")
        mapping[field] = column
    return mapping

"""Tables with one item a row and its scoring key: IPIP-NEO, MPI, ValueBench and their like.

Known columns, as the published files name them:

- text: ``item_text``, ``text``, ``statement`` or ``item``
- scale: ``domain``, ``label_ocean``, ``dimension``, ``value``, ``trait`` or ``scale``
- key: ``key``, ``pool_key``, ``agreement``, ``keyed``, ``keying`` (1 and -1, + and -), or ``reverse`` (0 and 1)
- id: ``pool_id``, ``item_id``, ``id``, ``num`` or ``No``
- more than one questionnaire: ``questionnaire``

A second grouping (facets) may take the place of the scale by name. ``sign`` (``+N1``) is compared with ``reverse``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from persona_big5.errors import DataError
from persona_big5.questionnaire.formats.naming import name_of
from persona_big5.questionnaire.formats.published import PublishedItem, PublishedQuestionnaire, Remarks

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from persona_big5.questionnaire.formats.source import Row, Table

_TEXT = ("item_text", "text", "statement", "item")
_SCALE = ("domain", "label_ocean", "dimension", "value", "trait", "scale")
_KEY = ("reverse", "key", "pool_key", "agreement", "keyed", "keying")
_ID = ("pool_id", "item_id", "id", "num", "No")
_OWN_KEY = {"factor": "scale_key"}
"""Groupings that bring a key of their own."""
_POSITIVE, _NEGATIVE = frozenset({"1", "+1", "1.0", "+"}), frozenset({"-1", "-1.0", "-"})


def recognises(table: Table) -> bool:
    """Tell whether a table has a column each for text, scale and key."""
    return all(_column(table, names) for names in (_TEXT, _SCALE, _KEY))


def read(path: Path, table: Table, scale_column: str | None) -> list[PublishedQuestionnaire]:
    """Read a keyed table; one questionnaire for each value of the column ``questionnaire``, if it has one.

    Rows without a text, a scale or a key are left out and named.

    Raises
    ------
    DataError
        A column is missing, or a key is neither 1 nor -1 (``reverse``: neither 0 nor 1), or contradicts ``sign``.
    """
    text, key = _needed(path, table, "text", _TEXT), _needed(path, table, "key", _KEY)
    scale = scale_column or _needed(path, table, "scale", _SCALE)
    if scale not in table.columns:
        raise DataError(f"{path}: no column {scale!r}; the table has {', '.join(table.columns)}")
    key = next((own for grouping, own in _OWN_KEY.items() if grouping == scale and own in table.columns), key)
    identifier = _column(table, _ID)
    remarks: dict[str, Remarks] = {}
    items: dict[str, list[PublishedItem]] = {}
    for row, line in zip(table.rows, table.lines, strict=True):
        name = row["questionnaire"].strip() if "questionnaire" in row else name_of(path)
        remark = remarks.setdefault(name, Remarks())
        if missing := [column for column in (text, scale, key) if not row[column].strip()]:
            remark.add(f"rows left out, as they have no {missing[0]}", f"line {line}")
            continue
        items.setdefault(name, []).append(
            PublishedItem(
                id=row[identifier].strip() if identifier else None,
                scale=row[scale].strip(),
                key=_key(path, line, row, key),
                text=row[text],
            )
        )
    used = {text, scale, key, identifier, "questionnaire", "sign"}
    unused = [column for column in table.columns if column not in used]
    for remark in remarks.values():
        if unused:
            remark.say(f"columns not carried over: {', '.join(unused)}; another grouping: --scale-column NAME")
    return [PublishedQuestionnaire(name, tuple(found), remarks=remarks[name]) for name, found in items.items()]


def _key(path: Path, line: int, row: Row, column: str) -> Literal[1, -1]:
    cell = row[column].strip()
    if column == "reverse":
        if cell not in {"0", "1"}:
            raise DataError(f"{path}:{line}: reverse is {cell!r}; it must be 0 or 1")
        key: Literal[1, -1] = -1 if cell == "1" else 1
        sign = row.get("sign", "").strip()[:1]
        if sign in {"+", "-"} and (sign == "+") != (key == 1):
            raise DataError(f"{path}:{line}: sign is {row['sign']!r} but reverse is {cell}; correct one of them")
        return key
    if cell in _POSITIVE:
        return 1
    if cell in _NEGATIVE:
        return -1
    raise DataError(f"{path}:{line}: {column} is {cell!r}; a key is 1 or -1")


def _column(table: Table, names: Iterable[str]) -> str | None:
    return next((name for name in names if name in table.columns), None)


def _needed(path: Path, table: Table, what: str, names: tuple[str, ...]) -> str:
    column = _column(table, names)
    if column is None:
        raise DataError(
            f"{path}: no column for the {what} of an item (one of {', '.join(names)}); "
            f"the table has {', '.join(table.columns)}"
        )
    return column

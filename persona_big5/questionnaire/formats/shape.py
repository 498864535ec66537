"""Parts of a JSON document taken out with a check of their type, so that a wrong one is named by its place."""

from __future__ import annotations

from typing import Any, TypeVar

from persona_big5.errors import DataError

Kind = TypeVar("Kind")

_NAMES = {dict: "an object", list: "a list", str: "a text", int: "a whole number", float: "a number"}


def expect(value: object, kind: type[Kind], place: str) -> Kind:
    """Return the value if it is of this kind (a whole number counts as a number).

    Raises DataError with its place if it is not.
    """
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)  # type: ignore[return-value]  # Kind is float
    if isinstance(value, bool) or not isinstance(value, kind):
        raise DataError(f"{place}: expected {_NAMES[kind]}, but this is {_described(value)}")
    return value


def part(record: dict[str, Any], key: str, kind: type[Kind], place: str) -> Kind:
    """Return ``record[key]`` if it is there and of this kind; else raise DataError with its place."""
    if key not in record:
        raise DataError(f"{place}: '{key}' is missing")
    return expect(record[key], kind, f"{place}.{key}")


def _described(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= 60 else f"{_NAMES.get(type(value), 'a value')} ({shown[:40]}…)"

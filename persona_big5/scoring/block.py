"""A reply to a block of statements taken apart: which piece of it speaks of which statement."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from persona_big5.scoring.jsontext import ANSWER_KEYS, as_text, json_values
from persona_big5.scoring.option import is_option
from persona_big5.study import block_label, shown_options

if TYPE_CHECKING:
    from collections.abc import Iterator

    from persona_big5.study import Session

_LABEL_KEYS = ("id", "statement", "item", "label", "s")
_WRAPPERS = frozenset({"answers", "responses", "ratings", "scores"})


@dataclass(frozen=True, slots=True)
class Piece:
    """Part of a reply that speaks of one statement; ``place`` orders pieces as they stand in the reply."""

    place: int
    text: str


Pieces = dict[int, list[Piece]]
"""By position of the statement; a statement may be spoken of more than once."""


def split_block(text: str, session: Session) -> Pieces:
    """Take a reply to a block apart.

    A JSON map ``{"S1": 4, …}`` (also a list of labelled objects, or one entry per statement) comes first, then labels
    in the text (``S1: 4, S2: 2``, one per line or not), then a list numbered from 1, then exactly one bare option per
    statement. Empty if the reply is none of these.
    """
    return _from_json(text, session) or _from_labels(text, session) or _from_list(text, session)


def _from_json(text: str, session: Session) -> Pieces:
    positions = _positions(session)
    pieces: Pieces = {}
    for place, value in enumerate(json_values(text)):
        for label, entry in _entries(value, len(session.administrations)):
            position = positions.get(label.casefold().removeprefix("statement ").strip(" .:"))
            if position is None:
                continue
            if isinstance(entry, dict):
                entry = next((entry[key] for key in ANSWER_KEYS if key in entry), None)
            pieces.setdefault(position, []).append(Piece(place, as_text(entry)))
    return pieces


def _entries(value: object, n_statements: int) -> Iterator[tuple[str, object]]:
    """Labelled entries of one JSON value, looking one level into ``{"answers": …}``."""
    if isinstance(value, dict):
        wrapped = [
            entry for key, entry in value.items() if key.casefold() in _WRAPPERS and isinstance(entry, dict | list)
        ]
        for inner in wrapped or [value]:
            yield from inner.items() if isinstance(inner, dict) else _listed_entries(inner, n_statements)
    elif isinstance(value, list):
        yield from _listed_entries(value, n_statements)


def _listed_entries(entries: list[object], n_statements: int) -> Iterator[tuple[str, object]]:
    objects = [entry for entry in entries if isinstance(entry, dict)]
    for entry in objects:
        label = next((entry[key] for key in _LABEL_KEYS if key in entry), None)
        yield from entry.items() if label is None else [(as_text(label), entry)]
    if not objects and len(entries) == n_statements:
        yield from ((str(i), entry) for i, entry in enumerate(entries, start=1))


def _positions(session: Session) -> dict[str, int]:
    """Return what a statement may be called in a reply: its label, or its bare number."""
    positions = [administration.position for administration in session.administrations]
    return {called: p for p in positions for called in (str(p), block_label(p).casefold())}


def _from_labels(text: str, session: Session) -> Pieces:
    positions = _positions(session)
    labels = "|".join(re.escape(block_label(one.position)) for one in session.administrations)
    called = re.compile(rf"(?<![\w/])(?:(?P<label>{labels})|statement (?P<number>\d+))(?![\w/])", re.IGNORECASE)
    marks = list(called.finditer(text))
    ends = [*(mark.start() for mark in marks[1:]), len(text)]
    pieces: Pieces = {}
    for mark, end in zip(marks, ends, strict=False):
        position = positions.get((mark["label"] or mark["number"]).casefold())
        if position is not None:
            pieces.setdefault(position, []).append(Piece(mark.start(), text[mark.end() : end]))
    return pieces


def _from_list(text: str, session: Session) -> Pieces:
    administrations = session.administrations
    lines = [line.strip() for line in re.split(r"[\n,;]", text) if line.strip()]
    numbered = [match for line in lines if (match := re.fullmatch(r"\(?(\d{1,3}) ?[:.)=-]+ ?(.+)", line))]
    numbers = [int(match[1]) for match in numbered]
    from_one = numbers[:1] == [1] and numbers == sorted(set(numbers)) and numbers[-1] <= len(administrations)
    if from_one and len(numbers) > 1:
        return {int(match[1]): [Piece(place, match[2])] for place, match in enumerate(numbered)}
    if len(lines) == len(administrations) and all(
        is_option(line, tuple(shown_options(session, one))) for line, one in zip(lines, administrations, strict=True)
    ):
        return {
            one.position: [Piece(i, line)] for i, (line, one) in enumerate(zip(lines, administrations, strict=True))
        }
    return {}

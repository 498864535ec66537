"""A reply read for every administration of its session: thoughts, truncation, filters, JSON, and the lines of a block."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from persona_big5.scoring.option import Reading, Shown, is_option, read_option
from persona_big5.store.records import Answer
from persona_big5.study.messages import block_label, shown_options

if TYPE_CHECKING:
    from collections.abc import Iterator

    from persona_big5.study.plan import Administration, Session

PARSER_VERSION = 1
"""Raised whenever the same reply could be read differently; stored with every answer."""

_THOUGHT = r"(?:think|thinking|thought|reasoning)"
_CLOSED_THOUGHT = re.compile(rf"<{_THOUGHT}>.*?</{_THOUGHT}>", re.DOTALL | re.IGNORECASE)
_THOUGHT_END = re.compile(rf".*</{_THOUGHT}>", re.DOTALL | re.IGNORECASE)
_OPEN_THOUGHT = re.compile(rf"<{_THOUGHT}>.*", re.DOTALL | re.IGNORECASE)
_ANSWER_KEYS = ("answer", "score", "rating", "value", "choice", "option", "number", "selection", "response")
_LABEL_KEYS = ("id", "statement", "item", "label", "s")
_MOST_JSON_VALUES = 100  # tried in one reply
_FOUND = frozenset({"answered", "declined", "off_scale"})


def parse_session(text: str | None, finish_reason: str | None, session: Session, *, exchange_id: str) -> list[Answer]:
    """Read one reply: an answer for every administration of the session, in its order.

    Parameters
    ----------
    text
        The reply as it came; None is an empty one.
    finish_reason
        As the provider gave it; ``content_filter`` makes every answer ``refused``, ``length`` makes what has no answer
        ``truncated``.
    session
        What was asked.
    exchange_id
        The exchange the reply came in.

    Returns
    -------
    list of Answer
        States of a reply are ``answered declined refused unparsable off_scale truncated empty``; each but the first has a reason.
        Never raises, whatever the text. Read against 146 replies of 39 llms labelled by two raters (see the tests).
    """
    visible, thought_open = _without_thoughts(text or "")
    cut = thought_open or finish_reason == "length"
    if finish_reason == "content_filter":
        readings = [(Reading("refused", reason="the provider's content filter"), text)] * len(session.administrations)
    elif session.layout == "block":
        readings = _read_block(visible, session, cut=cut)
    else:
        administration = session.administrations[0]
        shown = tuple(shown_options(session, administration))
        reading = _read_one(visible, shown, administration.item.text)
        readings = [(_if_cut(reading, visible, shown) if cut else reading, text)]
    return [
        Answer(
            administration=administration.id,
            exchange=exchange_id,
            state=reading.state,
            raw_response=raw,
            score=reading.score,
            reason=reading.reason,
            parser_version=PARSER_VERSION,
        )
        for administration, (reading, raw) in zip(session.administrations, readings, strict=True)
    ]


def _without_thoughts(text: str) -> tuple[str, bool]:
    """Return what is said outside of thoughts, and whether a thought was never closed."""
    visible = _THOUGHT_END.sub("", _CLOSED_THOUGHT.sub("", text))
    said = _OPEN_THOUGHT.sub("", visible)
    return said, said != visible


def _if_cut(reading: Reading, text: str, shown: Shown) -> Reading:
    """Reading of a text that was cut off at its end: what has no answer, or may have been a longer number, is truncated."""
    number = re.search(r"\d+$", text)
    longer = number and any(
        f"{value:g}".startswith(number.group()) and f"{value:g}" != number.group()
        for value, _ in shown
        if value is not None
    )
    if longer or reading.state in {"unparsable", "empty", "off_scale"}:
        return Reading("truncated", reason="the reply was cut off before an answer")
    return reading


def _read_one(text: str, shown: Shown, statement: str) -> Reading:
    found = [
        reading for value in _json_values(text) if (reading := _read_json(value, shown, statement)).state in _FOUND
    ]
    if not found:
        return read_option(text, shown, statement)
    return _agreed(found)


def _agreed(readings: list[Reading]) -> Reading:
    """Return the reading that all share, else that two options were named."""
    if len({(reading.state, reading.score) for reading in readings}) == 1:
        return readings[0]
    return Reading("unparsable", reason="more than one option is named")


def _json_values(text: str) -> Iterator[Any]:
    """Objects and arrays of JSON in a text, outermost ones, from left to right."""
    decoder = json.JSONDecoder(parse_int=float, parse_constant=lambda _name: None)
    at = 0
    for _ in range(_MOST_JSON_VALUES):
        start = re.compile(r"[{\[]").search(text, at)
        if start is None:
            return
        try:
            value, at = decoder.raw_decode(text, start.start())
        except (ValueError, RecursionError):
            at = start.end()
        else:
            yield value


def _read_json(value: object, shown: Shown, statement: str) -> Reading:
    if isinstance(value, dict):
        keyed = {str(key).casefold(): entry for key, entry in value.items()}
        entries = [keyed[key] for key in _ANSWER_KEYS if key in keyed] or (
            list(keyed.values()) if len(keyed) == 1 else []
        )
        first = next((r for entry in entries if (r := _read_scalar(entry, shown, statement)).state in _FOUND), None)
        others = [r for entry in entries if (r := is_option(_as_text(entry), shown))]
        return (
            _agreed([first, *others]) if first else Reading("unparsable", reason="no key of the JSON holds an option")
        )
    if isinstance(value, list):
        found = [r for entry in value if (r := _read_json(entry, shown, statement)).state in _FOUND]
        return _agreed(found) if found else Reading("unparsable", reason="the JSON holds no option")
    return Reading("unparsable", reason="the JSON holds no option")


def _read_scalar(value: object, shown: Shown, statement: str) -> Reading:
    if isinstance(value, dict):
        return _read_json(value, shown, statement)
    return read_option(_as_text(value), shown, statement)


def _as_text(value: object) -> str:
    """Text of a JSON scalar; booleans and null are none of the options."""
    if isinstance(value, float):
        return f"{value:g}"
    return value if isinstance(value, str) else ""


def _read_block(text: str, session: Session, *, cut: bool) -> list[tuple[Reading, str | None]]:
    """Readings, and the piece of the reply each comes from, in the order of the session."""
    parts = _json_parts(text, session) or _labelled_parts(text, session) or _listed_parts(text, session)
    if not parts:
        return [(_unanswered(text, session, cut=cut), text)] * len(session.administrations)
    last = max(parts, key=lambda position: parts[position][-1][0])
    readings: list[tuple[Reading, str | None]] = []
    for administration in session.administrations:
        shown = tuple(shown_options(session, administration))
        pieces = [piece for _, piece in parts.get(administration.position, [])]
        if not pieces:
            state = Reading("truncated", reason="the reply was cut off before this statement")
            readings.append((state if cut else Reading("unparsable", reason="the reply skips this statement"), None))
            continue
        reading = _read_pieces(pieces, shown, administration.item.text)
        if cut and administration.position == last:
            reading = _if_cut(reading, text.rstrip("\n") if text.endswith(pieces[-1]) else "", shown)
        readings.append((reading, "\n".join(pieces)))
    return readings


def _unanswered(text: str, session: Session, *, cut: bool) -> Reading:
    """Reading of a reply to a block that has no line for any statement."""
    first = session.administrations[0]
    shown = tuple(shown_options(session, first))
    reading = read_option(text, shown)
    if len(session.administrations) == 1:
        return _if_cut(reading, text, shown) if cut else reading
    if reading.state not in {"refused", "empty"}:
        reading = replace(reading, state="unparsable", score=None, reason="no line for any statement")
    return _if_cut(reading, "", shown) if cut else reading


def _read_pieces(pieces: list[str], shown: Shown, statement: str) -> Reading:
    readings = [_read_piece(piece, shown, statement) for piece in pieces]
    found = [reading for reading in readings if reading.state in _FOUND]
    return _agreed(found) if found else readings[-1]


def _read_piece(piece: str, shown: Shown, statement: str) -> Reading:
    """Read what follows one label: its own line first, then everything up to the next label."""
    first = next((line for line in piece.split("\n") if line.strip(" :.)-*|")), "")
    reading = read_option(first, shown, statement)
    return reading if reading.state in _FOUND or first == piece else _read_one(piece, shown, statement)


Parts = dict[int, list[tuple[int, str]]]  # by position in the session: (where it stands in the reply, text)


def _json_parts(text: str, session: Session) -> Parts:
    """Parts of a JSON map ``{"S1": 4, …}``, of a list of labelled objects, or of a list with exactly one entry per statement."""
    positions = _positions(session)
    parts: Parts = {}
    for order, value in enumerate(_json_values(text)):
        for label, entry in _json_entries(value, len(session.administrations)):
            position = positions.get(label.casefold().removeprefix("statement ").strip(" .:"))
            if position is not None:
                answer = (
                    next((entry[key] for key in _ANSWER_KEYS if key in entry), None)
                    if isinstance(entry, dict)
                    else entry
                )
                parts.setdefault(position, []).append((order, _as_text(answer)))
    return parts


def _json_entries(value: object, n_statements: int) -> Iterator[tuple[str, object]]:
    if isinstance(value, dict):
        for key, entry in value.items():
            if isinstance(entry, dict | list) and str(key).casefold() in {"answers", "responses", "ratings", "scores"}:
                yield from _json_entries(entry, n_statements)
            else:
                yield str(key), entry
    elif isinstance(value, list):
        if all(isinstance(entry, dict) for entry in value):
            for entry in value:
                label = next((entry[key] for key in _LABEL_KEYS if key in entry), None)
                yield from [(_as_text(label), entry)] if label is not None else _json_entries(entry, n_statements)
        elif len(value) == n_statements:
            yield from ((str(i), entry) for i, entry in enumerate(value, start=1))


def _positions(session: Session) -> dict[str, int]:
    """What a statement may be called in a reply: its label, or its bare number."""
    called = {str(administration.position): administration.position for administration in session.administrations}
    labels = {block_label(a.position).casefold(): a.position for a in session.administrations}
    return called | labels


def _labelled_parts(text: str, session: Session) -> Parts:
    """Parts of ``S1: 4, S2: 2`` or of one labelled line per statement."""
    positions = _positions(session)
    labels = "|".join(re.escape(block_label(a.position)) for a in reversed(session.administrations))
    called = re.compile(rf"(?<![\w/])(?:(?P<label>{labels})|statement (?P<number>\d+))(?![\w/])", re.IGNORECASE)
    marks = list(called.finditer(text))
    parts: Parts = {}
    ends = [*(mark.start() for mark in marks[1:]), len(text)]
    for mark, end in zip(marks, ends, strict=False):
        position = positions.get((mark["label"] or mark["number"]).casefold())
        if position is not None:
            parts.setdefault(position, []).append((mark.start(), text[mark.end() : end]))
    return parts


def _listed_parts(text: str, session: Session) -> Parts:
    """Parts of a numbered list counted from 1, or of exactly one bare option per statement."""
    n_statements = len(session.administrations)
    pieces = [piece.strip() for piece in re.split(r"[\n,;]", text) if piece.strip()]
    numbered = [match for piece in pieces if (match := re.fullmatch(r"\(?(\d{1,3}) ?[:.)=-]+ ?(.+)", piece))]
    numbers = [int(match[1]) for match in numbered]
    if len(numbers) > 1 and numbers[0] == 1 and numbers == sorted(set(numbers)) and numbers[-1] <= n_statements:
        return {number: [(i, match[2])] for i, (number, match) in enumerate(zip(numbers, numbered, strict=True))}
    if len(pieces) == n_statements and all(
        _is_bare(piece, session, a) for piece, a in zip(pieces, session.administrations, strict=True)
    ):
        return {
            a.position: [(i, piece)] for i, (a, piece) in enumerate(zip(session.administrations, pieces, strict=True))
        }
    return {}


def _is_bare(piece: str, session: Session, administration: Administration) -> bool:
    return is_option(piece, tuple(shown_options(session, administration))) is not None

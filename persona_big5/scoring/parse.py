"""A reply read for every administration of its session: thoughts, truncation, filters, JSON, lines of a block."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from persona_big5.scoring.block import split_block
from persona_big5.scoring.jsontext import ANSWER_KEYS, as_text, json_values
from persona_big5.scoring.option import Reading, Shown, is_option, read_option
from persona_big5.scoring.probability import NoScore, expected_score
from persona_big5.store import Answer
from persona_big5.store.records import FROM_LOG_PROBABILITIES
from persona_big5.study import asked_administrations, shown_options

if TYPE_CHECKING:
    from persona_big5.store import Exchange
    from persona_big5.study import Session

PARSER_VERSION = 2
"""Raised whenever the same reply could be read differently; stored with every answer."""

_THOUGHT_TAG = re.compile(r"<(/?)(?:think|thinking|thought|reasoning)>", re.IGNORECASE)
_JSON_DEPTH = 2  # an answer deeper inside is none
_CUT_BEFORE = Reading("truncated", reason="the reply was cut off before this statement")
_SKIPPED = Reading("unparsable", reason="the reply skips this statement")
_LEAVE_THE_SAMPLER = frozenset(
    {"temperature", "top_p", "seed", "stop", "max_tokens", "max_completion_tokens", "logprobs", "top_logprobs"}
)
"""Parameters under which tokens are sampled as temperature and nucleus say."""
_FOUND = frozenset({"answered", "declined", "off_scale"})


def parse_reply(exchange: Exchange, session: Session) -> list[Answer]:
    """Read one reply: an answer for every administration that its turn of the session asks, in their order.

    Parameters
    ----------
    exchange
        Its ``text`` is read as it came; None is an empty reply. A ``finish_reason`` or ``failure`` that tells of the
        provider's content filter makes every answer ``refused``, ``length`` makes what has no answer ``truncated``.
    session
        What was asked. In mode ``probability`` the answer is the expected score by the exchange's ``logprobs`` (see
        `expected_score`), whatever the reply says after its first token; where that has none, the reply is read as in
        mode ``sample`` and the reason says why. ``sampling_variance_low`` and ``_high`` bound the variance of runs: the
        settings sent must tell it, and nothing sampled (an earlier turn, a thought) may come before the reply's first
        token, or the bounds are 0 and (range / 2)², all that holds of any answers.

    Returns
    -------
    list of Answer
        States of a reply are ``answered declined refused unparsable off_scale truncated empty``; each but the first
        has a reason. Never raises, whatever the text. Compared with 146 replies of 39 llms that two raters agreed on:
        97 % the same, none read as another option than the raters saw.
    """
    asked = asked_administrations(session)[exchange.turn - 1]
    text, visible, thought_open = exchange.text, *without_thoughts(exchange.text or "")
    cut = thought_open or exchange.finish_reason == "length"
    filtered = exchange.finish_reason == "content_filter" or exchange.failure == "filtered"
    if filtered:
        readings = [(Reading("refused", reason="the provider's content filter"), text)] * len(asked)
    elif not asked:
        readings = []
    elif session.layout == "block":
        readings = _read_block(visible, session, cut=cut)
    else:
        administration = asked[0]
        shown = tuple(shown_options(session, administration))
        reading = _read_one(visible, shown, administration.item.text)
        readings = [(_if_cut(reading, visible, shown) if cut else reading, text)]
    answers = [
        Answer(
            administration=administration.id,
            exchange=exchange.id,
            state=reading.state,
            raw_response=raw,
            score=reading.score,
            reason=reading.reason,
            parser_version=PARSER_VERSION,
            scored_from="reply" if reading.state == "answered" else None,
        )
        for administration, (reading, raw) in zip(asked, readings, strict=True)
    ]
    if session.answer_mode == "probability" and not filtered:
        return [
            _expected(answer, tuple(shown_options(session, administration)), exchange)
            for answer, administration in zip(answers, asked, strict=True)
        ]
    return answers


def _expected(read: Answer, shown: Shown, exchange: Exchange) -> Answer:
    """Return the answer that the probabilities of the reply's first token give, else the one read from its text."""
    temperature, top_p = _sampler(exchange)
    scored = expected_score(exchange.logprobs, shown, temperature=temperature, top_p=top_p)
    if isinstance(scored, NoScore):
        return replace(read, reason=f"{scored}, so the reply is read" + (f": {read.reason}" if read.reason else ""))
    given = {name: getattr(scored, name) for name in FROM_LOG_PROBABILITIES}
    return replace(read, state="answered", score=scored.score, reason=None, scored_from="log-probabilities", **given)


def _sampler(exchange: Exchange) -> tuple[float | None, float | None]:
    """Return temperature and nucleus with which another run's first token would be sampled, None if not known."""
    sent = exchange.parameters_sent
    temperature, top_p = sent.get("temperature"), sent.get("top_p", 1.0)
    given_what_was_sampled = exchange.turn > 1 or exchange.thoughts or exchange.tokens_reasoning
    numbers = all(isinstance(one, int | float) and not isinstance(one, bool) for one in (temperature, top_p))
    told = numbers and sent.keys() <= _LEAVE_THE_SAMPLER and not given_what_was_sampled
    return (temperature, top_p) if told else (None, None)


def without_thoughts(text: str) -> tuple[str, bool]:
    """Return what is said outside of thoughts, and whether a thought was never closed."""
    said: list[str] = []
    start, thinking = 0, False
    for tag in _THOUGHT_TAG.finditer(text):
        if not tag[1] and not thinking:
            said.append(text[start : tag.start()])
            thinking = True
        elif tag[1]:
            if not thinking:
                said.clear()  # the thought was opened before the reply began
            start, thinking = tag.end(), False
    return "".join(said if thinking else [*said, text[start:]]), thinking


def _if_cut(reading: Reading, text: str, shown: Shown) -> Reading:
    """Return ``truncated`` for a text cut off at its end that has no answer or ends in what may be a longer number."""
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
    """Read a text about one statement: its JSON, if that holds an option, else its words."""
    found = [reading for value in json_values(text) if (reading := _read_json(value, shown, statement))]
    return _agreed(found) if found else read_option(text, shown, statement)


def _agreed(readings: list[Reading]) -> Reading:
    """Return the reading that all share, else that more than one option was named."""
    if len({(reading.state, reading.score) for reading in readings}) == 1:
        return readings[0]
    return Reading("unparsable", reason="more than one option is named")


def _read_json(value: object, shown: Shown, statement: str, depth: int = _JSON_DEPTH) -> Reading | None:
    """Read the option that a JSON value commits to, None if there is none in it."""
    if isinstance(value, str | float):
        reading = read_option(as_text(value), shown, statement)
        return reading if reading.state in _FOUND else None
    if depth == 0:
        return None
    if isinstance(value, list):
        found = [r for entry in value if (r := _read_json(entry, shown, statement, depth - 1))]
        return _agreed(found) if found else None
    if not isinstance(value, dict):
        return None
    keyed = {key.casefold(): entry for key, entry in value.items()}
    entries = [keyed[key] for key in ANSWER_KEYS if key in keyed] or (list(keyed.values()) if len(keyed) == 1 else [])
    first = next((r for entry in entries if (r := _read_json(entry, shown, statement, depth - 1))), None)
    outright = [r for entry in entries if (r := is_option(as_text(entry), shown))]
    return _agreed([first, *outright]) if first else None


def _read_block(text: str, session: Session, *, cut: bool) -> list[tuple[Reading, str | None]]:
    """Return readings, each with the piece of the reply it comes from, in the order of the session."""
    pieces = split_block(text, session)
    if not pieces:
        return [(_unanswered(text, session, cut=cut), text)] * len(session.administrations)
    last = max(pieces, key=lambda position: pieces[position][-1].place)
    readings: list[tuple[Reading, str | None]] = []
    for administration in session.administrations:
        shown = tuple(shown_options(session, administration))
        texts = [piece.text for piece in pieces.get(administration.position, [])]
        if not texts:
            readings.append((_CUT_BEFORE if cut else _SKIPPED, None))
            continue
        reading = _read_pieces(texts, shown, administration.item.text)
        if cut and administration.position == last:
            reading = _if_cut(reading, text if text.endswith(texts[-1]) else "", shown)
        readings.append((reading, "\n".join(texts).strip()))
    return readings


def _unanswered(text: str, session: Session, *, cut: bool) -> Reading:
    """Read a reply to a block that has no line for any statement."""
    shown = tuple(shown_options(session, session.administrations[0]))
    reading = read_option(text, shown)
    if len(session.administrations) > 1 and reading.state not in {"refused", "empty"}:
        reading = replace(reading, state="unparsable", score=None, reason="no line for any statement")
    return _if_cut(reading, text, shown) if cut else reading


def _read_pieces(texts: list[str], shown: Shown, statement: str) -> Reading:
    readings = [_read_piece(text, shown, statement) for text in dict.fromkeys(texts)]
    found = [reading for reading in readings if reading.state in _FOUND]
    return _agreed(found) if found else readings[-1]


def _read_piece(text: str, shown: Shown, statement: str) -> Reading:
    """Read what follows one label: its own line first, then everything up to the next label."""
    line = next((line for line in text.split("\n") if line.strip(" :.)-*|")), "")
    reading = read_option(line, shown, statement)
    return reading if reading.state in _FOUND or line == text else _read_one(text, shown, statement)

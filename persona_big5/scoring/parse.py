"""A reply read for every administration of its session: thoughts, truncation, filters, JSON, lines of a block."""

from __future__ import annotations

import re
from dataclasses import replace
from string import ascii_uppercase
from typing import TYPE_CHECKING

from persona_big5.scoring.block import split_block
from persona_big5.scoring.jsontext import ANSWER_KEYS, as_text, json_values
from persona_big5.scoring.keys import score_of
from persona_big5.scoring.mark import led_letter, without_list
from persona_big5.scoring.number import read_number, read_points
from persona_big5.scoring.option import NO_OPTION, Reading, Shown, is_option, read_option
from persona_big5.scoring.probability import NoScore, expected_score
from persona_big5.store import Answer
from persona_big5.store.records import FROM_LOG_PROBABILITIES
from persona_big5.study import asked_administrations, shown_options
from persona_big5.study.messages import is_lettered

if TYPE_CHECKING:
    from collections.abc import Callable

    from persona_big5.store import Exchange
    from persona_big5.study import Administration, Session

    _Read = Callable[[str], Reading]
    """The answer that a text commits to."""
    _Outright = Callable[[str], Reading | None]
    """The answer that a text is, if it is one and nothing else."""

PARSER_VERSION = 2
"""Raised whenever the same reply could be read differently; stored with every answer."""

_THOUGHT_TAG = re.compile(r"<(/?)(?:think|thinking|thought|reasoning)>", re.IGNORECASE)
_JSON_DEPTH = 2  # an answer deeper inside is none
_CUT_BEFORE = Reading("truncated", reason="the reply was cut off before this statement")
_CUT_OFF = Reading("truncated", reason="the reply was cut off before an answer")
_SKIPPED = Reading("unparsable", reason="the reply skips this statement")
_LEAVE_THE_SAMPLER = frozenset(
    {"temperature", "top_p", "seed", "stop", "max_tokens", "max_completion_tokens", "logprobs", "top_logprobs"}
)
"""Parameters under which tokens are sampled as temperature and nucleus say."""
_FOUND = frozenset({"answered", "declined", "off_scale"})
_NO_ANSWER = frozenset({"unparsable", "empty", "off_scale"})


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
        has a reason. A free reply to an open item is ``answered`` whatever it says, without a score. Never raises,
        whatever the text. Compared with 146 replies of 39 llms that two raters agreed on: 97 % the same, none read as
        another option than the raters saw.
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
        readings = [(_read_item(visible, session, asked[0], cut=cut), text)]
    answers = [
        Answer(
            administration=administration.id,
            exchange=exchange.id,
            state=reading.state,
            raw_response=raw,
            score=reading.score,
            reason=reading.reason,
            parser_version=PARSER_VERSION,
            scored_from=None if reading.score is None else "reply",
        )
        for administration, (reading, raw) in zip(asked, readings, strict=True)
    ]
    if session.answer_mode == "probability" and not filtered:
        return [
            _expected(answer, session, administration, exchange)
            for answer, administration in zip(answers, asked, strict=True)
        ]
    return answers


def _expected(read: Answer, session: Session, administration: Administration, exchange: Exchange) -> Answer:
    """Return the answer that the probabilities of the reply's first token give, else the one read from its text."""
    temperature, top_p = _sampler(exchange)
    shown = tuple(shown_options(session, administration))
    scores = [None if value is None else score_of(value, session, administration) for value, _ in shown]
    scored = expected_score(exchange.logprobs, shown, temperature=temperature, top_p=top_p, scores=scores)
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


def _read_item(text: str, session: Session, administration: Administration, *, cut: bool) -> Reading:
    """Read a reply to one item, by the kind of its response scale."""
    scale, statement = administration.response_scale, administration.item.text
    shown = tuple(shown_options(session, administration))
    match scale.kind:
        case "open":
            return _read_free(text, cut=cut)
        case "number":
            ends = scale.values[0], scale.values[-1]
            reading = _read_one(text, lambda said: read_number(said, ends, shown, statement))
        case "split":
            reading = _read_one(text, lambda said: read_points(said, scale.values[-1], shown, statement))
        case "options":
            reading = _read_one(text, *_option_readers(shown, statement))
        case _:
            reading = _read_choice(text, shown, statement, lettered=is_lettered(session))
    if cut:
        is_number = scale.kind in {"number", "split"}
        reading = _if_cut_number(reading, text) if is_number else _if_cut(reading, text, shown)
    if reading.score is None:
        return reading
    return replace(reading, score=score_of(reading.score, session, administration))


def _option_readers(shown: Shown, statement: str) -> tuple[_Read, _Outright]:
    return (lambda said: read_option(said, shown, statement), lambda said: is_option(said, shown))


def _read_choice(text: str, shown: Shown, statement: str, *, lettered: bool) -> Reading:
    """Read which of an item's own options a reply takes; options that it lists once more are no choice."""
    said = without_list(text)
    if text.strip() and not said.strip():
        return Reading("unparsable", reason="only the options are repeated")
    reading = _read_one(said, *_option_readers(shown, statement))
    letters = ascii_uppercase[: sum(value is not None for value, _ in shown)]
    letter = led_letter(said, letters) if lettered and reading.reason == NO_OPTION else None
    return reading if letter is None else Reading("answered", shown[letters.index(letter)][0])


def _read_free(text: str, *, cut: bool) -> Reading:
    """Read a free reply: whatever it says is the answer, and its score is for others to give."""
    if cut:
        return Reading("truncated", reason="the reply was cut off")
    return Reading("answered") if text.strip() else Reading("empty", reason="the reply is blank")


def _if_cut(reading: Reading, text: str, shown: Shown) -> Reading:
    """Return ``truncated`` for a text cut off at its end that has no answer or ends in what may be a longer number."""
    number = re.search(r"\d+$", text)
    longer = number and any(
        f"{value:g}".startswith(number.group()) and f"{value:g}" != number.group()
        for value, _ in shown
        if value is not None
    )
    return _CUT_OFF if longer or reading.state in _NO_ANSWER else reading


def _if_cut_number(reading: Reading, text: str) -> Reading:
    """Return ``truncated`` likewise where any number may be said: one at the end may be longer."""
    return _CUT_OFF if text[-1:].isdigit() or reading.state in _NO_ANSWER else reading


def _read_one(text: str, read: _Read, outright: _Outright = lambda _: None) -> Reading:
    """Read a text about one statement: its JSON, if that holds an answer, else its words."""
    found = [reading for value in json_values(text) if (reading := _read_json(value, read, outright))]
    return _agreed(found) if found else read(text)


def _agreed(readings: list[Reading]) -> Reading:
    """Return the reading that all share, else that more than one option was named."""
    if len({(reading.state, reading.score) for reading in readings}) == 1:
        return readings[0]
    return Reading("unparsable", reason="more than one option is named")


def _read_json(value: object, read: _Read, outright: _Outright, depth: int = _JSON_DEPTH) -> Reading | None:
    """Read the answer that a JSON value commits to, None if there is none in it."""
    if isinstance(value, str | float):
        reading = read(as_text(value))
        return reading if reading.state in _FOUND else None
    if depth == 0:
        return None
    if isinstance(value, list):
        found = [r for entry in value if (r := _read_json(entry, read, outright, depth - 1))]
        return _agreed(found) if found else None
    if not isinstance(value, dict):
        return None
    keyed = {key.casefold(): entry for key, entry in value.items()}
    entries = [keyed[key] for key in ANSWER_KEYS if key in keyed] or (list(keyed.values()) if len(keyed) == 1 else [])
    first = next((r for entry in entries if (r := _read_json(entry, read, outright, depth - 1))), None)
    also = [r for entry in entries if (r := outright(as_text(entry)))]
    return _agreed([first, *also]) if first else None


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
    return reading if reading.state in _FOUND or line == text else _read_one(text, *_option_readers(shown, statement))

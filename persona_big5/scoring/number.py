"""Which number a piece of text commits to, where any number between two ends may be said.

As with options, a reading is made only when it is forced: one number, or one that the text is led to, and no other.
What the text echoes (the statement, the ends of the scale) is no answer, a span ("60 to 70") is none, and a fraction
below 1 without a percent sign is none on a scale of hundreds: .7 may be meant as 70.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from persona_big5.scoring.option import NUMBER_WORDS, Reading, is_refusal, normalise

if TYPE_CHECKING:
    from persona_big5.scoring.option import Shown

_COUNT = r"\d{1,9}(?:\.\d{1,9})?|\.\d{1,9}"
_AMOUNT = rf"(?<![\w.,])(?P<sign>-(?=[\d.]))?(?P<number>{_COUNT}|\b(?:{'|'.join(NUMBER_WORDS)})\b)(?![\d])(?![.,]\d)"
_UNIT = r"(?: ?(?P<percent>%|per ?cent\b)| ?(?:/|out of|of) ?(?P<out_of>\d{1,9})\b| ?(?:points?|pts)\b)?"
_NUMBER = re.compile(_AMOUNT + _UNIT)
_WHOLE = re.compile(
    rf"[\W_]*?(?:(?:my |the )?(?:answer|estimate|chance|probability|likelihood|number|points?)(?: for a)?"
    rf"(?: is| would be)?[\s:=]*)?(?:about |around |roughly |approximately |~ ?)?{_AMOUNT}{_UNIT}"
    r"(?: (?:to|for) a)?[\W_]*"
)
_LEADER = re.compile(
    r"\b(?:answer|estimate|say|put|give|assign|choose|chance|probability|likelihood|rating|number)\b"
    r"(?: (?:is|would be|it|at|to|of|this|a|as|that|the|points|for))*[\s:=\"'(]*(?:about |around |roughly |~ ?)?"
)
_SPAN = re.compile(rf"(?:{_COUNT})\s?%?,?\s?(?:-|to|and|(?:or )?(?:maybe|perhaps)|or)\s?(?:{_COUNT})")
_PART = r"\d{1,6}(?:\.\d{1,6})?"
_BOTH = re.compile(rf"\W*(?P<a>{_PART})(?: ?[/:,-] ?| and )(?P<b>{_PART})\W*")
_POINTS_OF = tuple(
    re.compile(
        rf"\b{aim}\b[\"')\]]*(?: ?(?:gets|is|[:=-]))* ?({_PART})(?![\w%])"
        rf"|({_PART})(?: points?)? (?:to|for) (?:aim )?{aim}\b"
    )
    for aim in "ab"
)
_LONGEST_WHOLE = 200  # characters of a text that is a number and nothing else
_HUNDREDS = 100.0
_CLOSE = 1e-9


def read_number(text: str, ends: tuple[float, float], shown: Shown = (), statement: str = "") -> Reading:
    """Read the number from one end to the other that ``text`` commits to.

    Parameters
    ----------
    text
        What the llm wrote about one item, thoughts removed.
    ends
        Lowest and highest number asked for. ``7/10`` and ``7 out of 10`` are 7 where the highest is 10.
    shown
        The ends as shown, and the way out, which has no value.
    statement
        The item's text; where the reply repeats it, it is no answer.

    Returns
    -------
    Reading
        ``answered`` with the number; ``declined``; ``empty``; ``refused`` (a phrase of refusal and no number);
        ``off_scale`` (a number beyond the ends); ``unparsable`` (no number, more than one, a span, a fraction where
        hundreds were asked for). Never raises.

    Examples
    --------
    >>> read_number("I would say 70%.", (0.0, 100.0)).score
    70.0
    >>> read_number("Somewhere between 60 and 70.", (0.0, 100.0)).state
    'unparsable'
    """
    plain = normalise(text)
    if not plain:
        return Reading("empty", reason="the reply is blank")
    way_out = _way_out(plain, shown)
    if way_out is not None:
        return way_out
    whole = _WHOLE.fullmatch(plain) if len(plain) <= _LONGEST_WHOLE else None
    if whole:
        return _valued(whole, ends)
    body = _without_echo(plain, ends, shown, statement)
    if _SPAN.search(body):
        return Reading("unparsable", reason="a span of numbers is named")
    led = [number for mark in _LEADER.finditer(body) if (number := _NUMBER.match(body, mark.end()))]
    readings = {_valued(one, ends) for one in led or _NUMBER.finditer(body)}
    if len(readings) == 1:
        return readings.pop()
    if readings:
        return Reading("unparsable", reason="more than one number is named")
    if is_refusal(body):
        return Reading("refused", reason="the reply declines in its own words")
    return Reading("unparsable", reason="no number is named")


def _way_out(plain: str, shown: Shown) -> Reading | None:
    labels = [normalise(label).strip(" .!?") for value, label in shown if value is None]
    if any(label and label in plain for label in labels) and not _NUMBER.search(plain):
        return Reading("declined", reason="the way out that was offered")
    return None


def _without_echo(plain: str, ends: tuple[float, float], shown: Shown, statement: str) -> str:
    """Text without the statement and the ends of the scale, named together."""
    for echoed in (statement, *(f"{value:g} = {label}" for value, label in shown if value is not None)):
        asked = normalise(echoed).rstrip(".!?")
        plain = plain.replace(asked, " ") if asked else plain
    low, high = (re.escape(f"{end:g}") for end in ends)
    scale = rf"(?:\b(?:from|between) )?(?<![\w.]){low} ?%?(?: ?- ?| to | and ){high}(?![\w.]\d) ?%?"
    points = rf"\b(?:the|all|my|these|those|of|out of) {high} points\b"
    return re.sub(rf"{scale}|{points}", " ", plain)


def _valued(found: re.Match[str], ends: tuple[float, float]) -> Reading:
    word = found["number"]
    value = float(NUMBER_WORDS.index(word)) if word in NUMBER_WORDS else float(word)
    low, high = ends
    if found["sign"]:
        value = -value
    if found["out_of"] and abs(float(found["out_of"]) - high) > _CLOSE:
        return Reading("unparsable", reason="a number out of another total than was asked for")
    if found["percent"] and high != _HUNDREDS:
        return Reading("unparsable", reason="a percentage where none was asked for")
    if high == _HUNDREDS and 0 < value < 1 and not found["percent"]:
        return Reading("unparsable", reason="a fraction where a number of hundreds was asked for")
    if not low <= value <= high:
        return Reading("off_scale", reason="a number beyond the ends of the scale")
    return Reading("answered", value)


def read_points(text: str, total: float, shown: Shown = (), statement: str = "") -> Reading:
    """Read the points, of ``total``, that ``text`` gives to the first of two aims, A.

    Where both aims get points (``A: 7, B: 3``, ``7 to A and 3 to B``, ``7/3``), these must add up; points named for B
    alone are not what was asked for. Any other text is read as `read_number` does.
    """
    plain = normalise(text)
    both = _BOTH.fullmatch(plain)
    if both and abs(float(both["a"]) + float(both["b"]) - total) < _CLOSE:
        return Reading("answered", float(both["a"]))
    of_a, of_b = ({float(one[1] or one[2]) for one in pattern.finditer(plain)} for pattern in _POINTS_OF)
    if not of_b:
        return read_number(text, (0.0, total), shown, statement)
    if len(of_a) == len(of_b) == 1 and abs(sum(of_a) + sum(of_b) - total) < _CLOSE:
        return Reading("answered", of_a.pop())
    return Reading("unparsable", reason="the points of A and B do not add up")

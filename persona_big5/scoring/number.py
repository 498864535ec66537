"""Which number a piece of text commits to, where any number between two ends may be said.

As with options, a reading is made only when it is forced: the text is a number, opens with one, ends on one, says one
in percent or out of the whole, or a word such as "answer" leads to one; and there is no other of these. A number that
merely stands in the prose ("in 3 of them", "the 9th") is none. What the text echoes (the statement, the ends of the
scale) is no answer, a span ("60 to 70") is none, a number with the label of the other end is none, and a fraction below
1 without a percent sign is none on a scale of hundreds: .7 may be meant as 70.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from persona_big5.scoring.option import NUMBER_WORDS, Reading, is_refusal, normalise

if TYPE_CHECKING:
    from collections.abc import Iterator

    from persona_big5.scoring.option import Shown

_COUNT = r"(?:\d{1,9}(?:\.\d{1,9})?|\.\d{1,9})"
_START = r"(?<![\w.,])(?P<sign>-(?=[\d.]))?"
_UNIT = (
    r"(?!\d)(?![.,]\d)"
    r"(?: ?(?P<percent>%|per ?cent\b)| ?(?:/|out of) ?(?P<out_of>\d{1,9})\b| ?(?:points?|pts)\b|(?!\w))"
)
_AMOUNT = rf"{_START}(?P<number>{_COUNT}){_UNIT}"
_NUMBER = re.compile(_AMOUNT)
_ABOUT = r"(?:about |around |roughly |approximately |~ ?)?"
_WHOLE = re.compile(
    r"[\W_]*?(?:(?:my |the )?(?:answer|estimate|chance|probability|likelihood|number|points?)(?: for a)?"
    rf"(?: is| would be)?[\s:=]{{0,5}})?{_ABOUT}{_START}(?P<number>{_COUNT}|{'|'.join(NUMBER_WORDS)}){_UNIT}"
    r"(?: (?:to|for) a)?[\W_]*"
)
_STANDS_ALONE = r"(?=\s*(?:$|[\n.,;:!?)\]\"'-]|(?:because|since|as|for|to (?:aim )?a)\b))"
_OPENING = re.compile(rf"[\W_]*?{_AMOUNT}{_STANDS_ALONE}")
_LED = re.compile(_AMOUNT + _STANDS_ALONE)
_ENUMERATED = re.compile(r"^[^\w\n]{0,6}(\d{1,2})[.)][ \t].*$", re.MULTILINE)
_ENDING = re.compile(rf"[,:=] {_ABOUT}{_AMOUNT}[\W_]*$")
_LEADER = re.compile(
    r"\b(?:answer|estimate|say|put|give|assign|choose|chance|probability|likelihood|rating|number)\b"
    rf"(?: (?:is|indeed|would be|it|at|to|of|this|a|as|that|the|points|for)){{0,6}}[\s:=\"'(]{{0,5}}{_ABOUT}"
)
_SPAN = re.compile(rf"{_COUNT}\s?%?,?\s?(?:-|to|and|(?:or )?(?:maybe|perhaps)|or)\s?{_COUNT}")
_PART = r"\d{1,6}(?:\.\d{1,6})?"
_BOTH = re.compile(rf"\W*(?P<a>{_PART})(?: ?[/:,-] ?| and )(?P<b>{_PART})\W*")
_POINTS_OF = tuple(
    re.compile(
        rf"\b{aim}[\"')\]]{{0,2}} ?(?:gets|is|[:=-]) ?({_PART})(?![\w%-]|\.\d)"
        rf"|\b{aim} ({_PART}) points?\b"
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
        ``answered`` with the number; ``declined`` (the text opens or ends with the way out, and names no number);
        ``empty``; ``refused`` (a phrase of refusal and no number); ``off_scale`` (a number beyond the ends);
        ``unparsable`` (no number, more than one, a span, a fraction where hundreds were asked for). Never raises.

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
    whole = _WHOLE.fullmatch(plain) if len(plain) <= _LONGEST_WHOLE else None
    if whole:
        return _valued(whole, ends)
    if _contradicts_itself(plain, shown):
        return Reading("unparsable", reason="a number with the label of another")
    body = _without_echo(plain, ends, shown, statement)
    if _SPAN.search(body):
        return Reading("unparsable", reason="a span of numbers is named")
    readings = {_valued(one, ends) for one in _committed(body)}
    if len(readings) + _takes_way_out(body, shown) > 1:
        return Reading("unparsable", reason="more than one answer is named")
    if readings:
        return readings.pop()
    if _takes_way_out(body, shown):
        return Reading("declined", reason="the way out that was offered")
    if is_refusal(body):
        return Reading("refused", reason="the reply declines in its own words")
    return Reading("unparsable", reason="no number is named")


def read_points(text: str, total: float, shown: Shown = (), statement: str = "") -> Reading:
    """Read the points, of ``total``, that ``text`` gives to the first of two aims, A.

    Where both aims get points (``A: 7, B: 3``, ``7 to A and 3 to B``, ``7/3``), these must add up; points named for B
    alone are not what was asked for. Any other text is read as `read_number` does.
    """
    plain = normalise(text)
    both = _BOTH.fullmatch(plain)
    if both and abs(float(both["a"]) + float(both["b"]) - total) < _CLOSE:
        return Reading("answered", float(both["a"]))
    of_a, of_b = (
        {float(next(group for group in found.groups() if group)) for found in pattern.finditer(plain)}
        for pattern in _POINTS_OF
    )
    if len(of_a) == 1 and not of_b and max(of_a) <= total:
        return Reading("answered", of_a.pop())
    if not of_b:
        return read_number(text, (0.0, total), shown, statement)
    if len(of_a) == len(of_b) == 1 and abs(sum(of_a) + sum(of_b) - total) < _CLOSE:
        return Reading("answered", of_a.pop())
    return Reading("unparsable", reason="the points of A and B do not add up")


def _committed(body: str) -> Iterator[re.Match[str]]:
    """Yield the numbers that a text opens with, ends on, is led to, or says in percent or out of the whole."""
    lines = [line for line in body.split("\n") if line.strip()]
    last = lines[-1] if lines else ""
    ending = _WHOLE.fullmatch(last) if len(last) <= _LONGEST_WHOLE else None
    outright = [ending if ending and ending["number"] not in NUMBER_WORDS else None]
    outright += [_OPENING.match(body), _ENDING.search(last[-_LONGEST_WHOLE:])]
    outright += [_LED.match(body, mark.end()) for mark in _LEADER.finditer(body)]
    yield from (found for found in outright if found)
    yield from (found for found in _NUMBER.finditer(body) if found["percent"] or found["out_of"])


def _contradicts_itself(plain: str, shown: Shown) -> bool:
    """Whether one end's number stands with the other end's label."""
    ends = [(value, label) for value, label in shown if value is not None]
    return any(
        re.search(rf"(?<![\w.]){re.escape(f'{value:g}')} ?[=:-] ?{re.escape(normalise(label))}(?!\w| \w)", plain)
        for value, _ in ends
        for other, label in ends
        if other != value
    )


def _takes_way_out(body: str, shown: Shown) -> bool:
    said = body.strip(" \n.,;:!?\"'()")
    labels = [normalise(label).strip(" .!?") for value, label in shown if value is None]
    return any(label and (said.startswith(label) or said.endswith(label)) for label in labels)


def _without_echo(plain: str, ends: tuple[float, float], shown: Shown, statement: str) -> str:
    """Text without the statement, the ends of the scale, named together or with their labels, and numbered lists."""
    asked = normalise(statement).rstrip(".!?")
    plain = plain.replace(asked, " ") if asked else plain
    for value, label in shown:
        if value is not None:
            plain = re.sub(rf"(?<![\w.]){re.escape(f'{value:g}')} = {re.escape(normalise(label))}(?!\w)", " ", plain)
    if len(set(_ENUMERATED.findall(plain))) > 1:
        plain = _ENUMERATED.sub("", plain)
    low, high = (re.escape(f"{end:g}") for end in ends)
    scale = rf"(?:\b(?:from|between) )?(?<![\w.]){low} ?%?(?: ?- ?| to | and ){high}(?![\w.]\d) ?%?"
    points = rf"\b(?:the|all|my|these|those|of|out of|have) {high} points\b"
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

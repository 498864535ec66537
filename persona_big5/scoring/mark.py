"""Which lettered option a piece of text commits to in a sentence: "I would choose B because …".

Letters of options that have long texts come with reasons more often than numbers do. Only capitals that stand alone
count, after a word that leads to a choice or at the opening; an "A" before a word is an article unless that word goes
on with a reason.
"""

from __future__ import annotations

import re

_READ_AT_MOST = 20_000  # characters of a reply
_LEADER = (
    r"\b(?:choose|chose|choosing|pick|select|prefer|take|go(?:ing)? with|go for|opt for|lean(?:ing)? (?:to|towards?)|"
    r"answer|choice|option|action|statement|response|say|would be|is)\b"
)
_FILLER = (
    r"(?:\s+(?:is|would be|be|the|option|action|statement|letter|clearly|probably|definitely)){0,6}[\s:*\"'(\[]{0,8}"
)
_REASON = (
    r"(?:\s+(?:because|since|as|for|here|in this|over|rather|is|would|best|fits|seems|describes|it)\b"
    r"|\s*[\n.,;:!?)*\]\"'\u2014-]|\s*$)"
)
_LISTED = re.compile(r"^[^\w\n]{0,6}([A-K]|\d{1,2})[.):](?:[ \t].*)?$", re.MULTILINE)
_NEGATED = re.compile(r"(?:\bnot|n't|\bnever|\brather than|\binstead of|\bover)\s+(?:\w+\s+){0,2}$", re.IGNORECASE)


def led_letter(text: str, letters: str) -> str | None:
    """Return the letter, of capitals ``letters``, that a text commits to; None for none, or for more than one.

    Examples
    --------
    >>> led_letter("I would choose B because it is honest.", "ABCD")
    'B'
    >>> led_letter("I would choose A user-friendly tone.", "ABCD") is None
    True
    """
    text = text[:_READ_AT_MOST]
    letter = rf"(?P<letter>[{letters}])(?!\w){_REASON}"
    opening = re.match(rf"[\s*\"'(\[]*{letter}", text)
    led = re.finditer(rf"(?i:{_LEADER}{_FILLER}){letter}", text)
    found = {match["letter"] for match in led if not _NEGATED.search(text[: match.start()])}
    if opening:
        found.add(opening["letter"])
    return found.pop() if len(found) == 1 else None


def without_list(text: str) -> str:
    """Return a text without the lines that list options by their marks, where it lists two or more of them."""
    marks = set(_LISTED.findall(text[:_READ_AT_MOST]))
    return _LISTED.sub("", text[:_READ_AT_MOST]) if len(marks) > 1 else text

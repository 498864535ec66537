"""Which of the options shown a reply may be naming when it begins with a given token."""

from __future__ import annotations

import re
from functools import lru_cache

from persona_big5.scoring.option import NUMBER_WORDS, OPTION_LETTERS, Shown, normalise
from persona_big5.study.messages import shown_value

_LONGEST = 64  # characters of a token; no vocabulary has a longer word
_BLANKS_OF_VOCABULARIES = str.maketrans({"\u2581": " ", "\u0120": " ", "\u010a": "\n"})
_OPENING = re.compile(r"^(?:[^\w-]|-(?!\d|$))+")  # a minus belongs to its number
_ENDING = re.compile(r"\W+$")
_NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?")


def options_begun(token: str, shown: Shown) -> frozenset[int] | None:
    """Return the options that a reply may be naming when ``token`` comes first.

    An option is named by its number (``3``, `` 3``, ``3.``, ``(3``, ``**3``; also the digit of another script), its
    number as an English word, its letter as displayed or its label, in any case. A token is taken for each option it
    names and for each whose number or label it may be the beginning of: ``1`` for 1 and 10, ``Strongly`` for all that
    begin so, ``Dis`` for the only one. A single Latin letter is no beginning of a longer word, and ``I`` alone, with
    which sentences begin, may be the ninth option or anything else.

    Parameters
    ----------
    token
        As the endpoint gives it, or as its vocabulary spells it (``▁3``, ``Ġ3``).
    shown
        The options in displayed order.

    Returns
    -------
    frozenset of int or None
        Indices into ``shown``: one if the token singles an option out, several if it is ambiguous, none if it begins
        something else. None for a token without a word (a blank, markup), which says nothing yet.
    """
    return _begun(token[:_LONGEST], shown)


@lru_cache(maxsize=65_536)
def _begun(token: str, shown: Shown) -> frozenset[int] | None:
    text = _opened(token.translate(_BLANKS_OF_VOCABULARIES))
    word = _ENDING.sub("", text)
    value = float(word) if _NUMBER.fullmatch(word) else None
    begun = frozenset(
        i
        for i, (names, wholes) in enumerate(_forms(shown))
        if (value is not None and value == shown[i][0])
        or word in names
        or any(text == whole or word == whole or _begins(text, whole) for whole in wholes)
    )
    if text == "i" and OPTION_LETTERS.index("i") in begun:
        return frozenset(range(len(shown)))
    return begun if begun or re.search(r"\w", text) else None


@lru_cache(maxsize=256)
def _forms(shown: Shown) -> list[tuple[set[str], list[str]]]:
    """Of each option: what names it only as a whole, and what may also come in pieces."""
    forms = []
    for i, (value, label) in enumerate(shown):
        names, wholes = set(OPTION_LETTERS[i : i + 1]), [_ENDING.sub("", _opened(label)) or _opened(label)]
        if value is not None:
            wholes.append(shown_value(value))
            if value in range(len(NUMBER_WORDS)):
                names.add(NUMBER_WORDS[int(value)])
        forms.append((names, wholes))
    return forms


def _opened(text: str) -> str:
    """Plain text without what only opens it: quotes, brackets, bullets."""
    plain = normalise(text)
    return _OPENING.sub("", plain) or plain


def _begins(text: str, whole: str) -> bool:
    a_letter_of_a_word = len(text) == 1 and text.isascii() and whole[:2].isalpha()
    return bool(text) and whole.startswith(text) and not a_letter_of_a_word

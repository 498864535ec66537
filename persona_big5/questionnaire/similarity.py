"""How alike two texts are in their words: near-duplicates, mere negations of each other, and paraphrases."""

from __future__ import annotations

from difflib import SequenceMatcher
from typing import TYPE_CHECKING

from persona_big5.questionnaire.readability import words

if TYPE_CHECKING:
    from collections.abc import Sequence

NEAR_DUPLICATE = 0.8
"""Cosine from which two texts are near-duplicates."""
MOST_COMPARED = 5000
"""Texts that are compared with each other at most; the work grows with the square of their number."""
SHARED_CONTENT = 0.4
"""Share of content words that a paraphrase has in common with its original, at least."""
COPIED_ORDER = 0.9
"""Share of words in the same order from which a paraphrase is a copy."""

_BLOCK = 250

_DENYING = frozenset(
    ("no", "not", "never", "none", "nothing", "nobody", "nor", "neither", "cannot", "without", "hardly", "rarely")
) | {"seldom", "barely", "scarcely", "lack", "lacking"}
_DEGREES = frozenset(("do", "does", "did", "always", "often", "usually", "really", "very"))
_ENDINGS = ("ings", "ing", "ers", "ies", "ed", "er", "es", "s", "e", "y")


def near_duplicates(texts: Sequence[str]) -> list[tuple[int, int, float]]:
    """Return (position, later position, cosine) of texts whose TF-IDF vectors have a cosine from `NEAR_DUPLICATE` on.

    The vectors are scikit-learn's, over words; texts without words are like no other. Of more than `MOST_COMPARED`
    texts only the first ones are compared.
    """
    import numpy as np
    from sklearn.feature_extraction.text import TfidfVectorizer

    worded = [place for place, text in enumerate(texts[:MOST_COMPARED]) if words(text)]
    if len(worded) < 2:
        return []
    vectors = TfidfVectorizer(analyzer=words).fit_transform([texts[place] for place in worded])
    found = []
    for start in range(0, len(worded), _BLOCK):
        cosine = (vectors[start : start + _BLOCK] @ vectors.T).toarray()
        for row, later in np.argwhere(cosine >= NEAR_DUPLICATE).tolist():
            if start + row < later:
                found.append((worded[start + row], worded[later], float(cosine[row, later])))
    return found


def negations(text: str) -> list[str]:
    """Return the words of a text that deny: not, never, n't and the like, and those that all but deny, as hardly."""
    return [word for word in words(text) if word in _DENYING or word.endswith("n't")]


def without_negation(text: str) -> tuple[str, ...]:
    """Return the stems of a text's words less those that deny or say how much.

    They are equal for a statement and its mere negation: "I often plan." and "I don't plan."
    """
    return tuple(_stem(word) for word in map(_affirmed, words(text)) if word)


def paraphrase_fault(original: str, text: str) -> str | None:
    """Say why a text is no paraphrase of another, in words that follow its name; None where it is one.

    A paraphrase shares at least `SHARED_CONTENT` of the content words (Dice coefficient of stems) and is no copy: fewer
    than `COPIED_ORDER` of the words stand in the same order. A screen on words: it knows no synonyms and no meaning.
    """
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    one, other = ({_stem(word) for word in words(each) if word not in ENGLISH_STOP_WORDS} for each in (original, text))
    shared = 2 * len(one & other) / max(len(one) + len(other), 1)
    if shared < SHARED_CONTENT:
        return f"shares only {shared:.0%} of its content words with what it paraphrases; say the same"
    order = SequenceMatcher(None, words(original), words(text), autojunk=False).ratio()
    if order >= COPIED_ORDER:
        return f"has {order:.0%} of its words in the same order as what it paraphrases; say it in other words"
    return None


def _affirmed(word: str) -> str:
    """Return a word less what denies it: "isn't" leaves "is", "don't" and "never" leave nothing."""
    if word in _DENYING or word in _DEGREES:
        return ""
    positive = {"can't": "can", "won't": "will"}.get(word, word.removesuffix("n't"))
    return "" if positive in _DEGREES else positive


def _stem(word: str) -> str:
    ending = next((one for one in _ENDINGS if word.endswith(one) and len(word) - len(one) > 2), "")
    return word.removesuffix(ending)

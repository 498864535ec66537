"""The llms behind the loopback endpoint: for every request a known distribution over the options, and a reply from it.

The distribution is a pure function of the model's name and the messages (or the prompt), so that what a client makes of
samples or log-probabilities can be held against the exact truth, :func:`answer_probabilities`.
"""

from __future__ import annotations

import hashlib
import math
import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Body = dict[str, Any]
"""The JSON object of a request."""

_REFUSAL = "I'm sorry, but I can't answer that."

_OPTION = re.compile(r"(-?\d+(?:\.\d+)?)\. .+")
_STATEMENT = re.compile(r"^(S\d+)\. .+$", re.MULTILINE)
_WITHOUT_OPTIONS = ("1", "2", "3", "4", "5")
_WORDS = dict(enumerate(["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]))
_SPELLINGS = (("{digit}", 0.6), (" {digit}", 0.25), ("{word}", 0.15))
_CHARACTERS_PER_TOKEN = 4


@dataclass(frozen=True, slots=True)
class Token:
    """One token of a reply; ``likely`` has what might have stood in its place, the most probable first."""

    text: str
    likely: tuple[tuple[str, float], ...]

    @property
    def probability(self) -> float:
        return dict(self.likely)[self.text]


@dataclass(frozen=True, slots=True)
class _Question:
    """What a request asks: the options' values as shown, the labels of its statements ("" for the only one)."""

    values: tuple[str, ...]
    labels: tuple[str, ...]
    wants_json: bool


def answer_probabilities(body: Body, label: str = "") -> list[float]:
    """Return the probability of each option, in the order shown; ``label`` names the statement of a block, as ``S2``.

    A discretised bump whose place and width hang on a hash of the model's name, the texts sent and the label.
    """
    return _bump(_digest(body, label), len(_question(body).values))


def reply(body: Body, draw: Callable[[], float], *, spelled: bool) -> list[Token]:
    """Answer a request in the form it asks for.

    Temperature 0 takes the most likely option; a seed fixes the draw; else ``draw`` gives a number in [0, 1). With
    ``spelled`` an option's probability is shared by equivalent tokens (``3``, `` 3``, ``three``), except in JSON.
    """
    question = _question(body)
    answers = [_answer(body, question, label, draw, spelled=spelled) for label in question.labels]
    return list(_in_form(question, answers))


def refusal_tokens() -> list[Token]:
    """Refuse in words."""
    return [_certain(word) for word in re.findall(r"\s*\S+", _REFUSAL)]


def prompt_tokens(body: Body) -> int:
    """Return the tokens a request is billed for: one for four characters, and three for each message."""
    texts = _texts(body)
    return sum(map(len, texts)) // _CHARACTERS_PER_TOKEN + 3 * len(body.get("messages", ()))


def _answer(body: Body, question: _Question, label: str, draw: Callable[[], float], *, spelled: bool) -> Token:
    digest = _digest(body, label)
    options = list(zip(question.values, _bump(digest, len(question.values)), strict=True))
    if spelled and not question.wants_json:
        options = [(text, mass * share) for value, mass in options for text, share in _spellings(value)]
    likely = tuple(sorted(options, key=lambda option: -option[1]))
    if body.get("temperature", 1) == 0:
        return Token(likely[0][0], likely)
    seed = body.get("seed")
    uniform = draw() if seed is None else _uniform(digest + str(seed).encode())
    reached = accumulate(mass for _, mass in options)
    chosen = next((text for (text, _), up_to in zip(options, reached, strict=True) if uniform < up_to), options[-1][0])
    return Token(chosen, likely)


def _in_form(question: _Question, answers: list[Token]) -> Iterator[Token]:
    """Yield the whole reply: the answers with what the form asked for puts around them."""
    labels = question.labels
    if question.wants_json:
        keys = labels if labels != ("",) else ("answer",)
        for opening, key, answer in zip(["{", *[", "] * len(keys)], keys, answers, strict=False):
            yield from (_certain(f'{opening}"{key}": '), answer)
        yield _certain("}")
    elif labels == ("",):
        yield from answers
    else:
        for place, (label, answer) in enumerate(zip(labels, answers, strict=True)):
            yield from (_certain(f"\n{label}: " if place else f"{label}: "), answer)


def _certain(text: str) -> Token:
    return Token(text, ((text, 1.0),))


def _spellings(value: str) -> list[tuple[str, float]]:
    word = _WORDS.get(int(value)) if value.isdigit() else None
    if word is None:
        return [(value, 1.0)]
    return [(form.format(digit=value, word=word), share) for form, share in _SPELLINGS]


def _texts(body: Body) -> list[str]:
    """Return all texts sent, in order."""
    if "messages" not in body:
        return [str(body.get("prompt", ""))]
    return [content if isinstance(content := one["content"], str) else str(content) for one in body["messages"]]


def _question(body: Body) -> _Question:
    """Read what the last text asks; options shown once, in an earlier turn, still hold."""
    texts = _texts(body)
    question = _read(texts[-1])
    return question if question.values else _Question(_earlier(texts[:-1]), question.labels, question.wants_json)


def _earlier(texts: list[str]) -> tuple[str, ...]:
    return next((values for text in reversed(texts) if (values := _read(text).values)), _WITHOUT_OPTIONS)


@lru_cache(maxsize=4096)
def _read(text: str) -> _Question:
    labels = tuple(_STATEMENT.findall(text)) or ("",)
    return _Question(_last_listed(text.split("\n")), labels, "JSON object" in text.rsplit("\n", 1)[-1])


def _last_listed(lines: list[str]) -> tuple[str, ...]:
    """Return the values of the last list of options: lines next to each other, as ``4. Agree``."""
    values: list[str] = []
    for line in reversed(lines):
        if option := _OPTION.fullmatch(line.strip()):
            values.append(option[1])
        elif values:
            break
    return tuple(reversed(values))


def _digest(body: Body, label: str) -> bytes:
    parts = [str(body.get("model")), *(str(one["role"]) for one in body.get("messages", ())), *_texts(body), label]
    return hashlib.blake2b("\x1f".join(parts).encode("utf-8", "replace"), digest_size=16).digest()


def _uniform(key: bytes) -> float:
    return int.from_bytes(hashlib.blake2b(key, digest_size=6).digest(), "big") / 2**48


def _bump(digest: bytes, n_options: int) -> list[float]:
    centre = (n_options - 1) * digest[0] / 255
    width = 0.5 + digest[1] / 255
    heights = [math.exp(-0.5 * ((place - centre) / width) ** 2) + 1e-4 for place in range(n_options)]
    total = sum(heights)
    return [height / total for height in heights]

"""Which of the options offered a piece of text commits to, if it commits to one.

The text is hostile and free. A reading is made only when it is forced: one option, and no sign of another. In order:

1. the whole text is an option (``4``, ``4.``, ``**4**``, ``(b) Agree``, ``Agree``, ``4 = Agree``, ``4 out of 5``);
2. the text commits itself: it opens or ends with an option, or a word such as "answer" or "rate" leads to one;
3. its prose names exactly one option, by label or as ``4/5``, ``(4)``, "a 4".

Letters count the options as displayed. What the text echoes (the statement, the list of options, the ends of the
scale) is no answer. Two different options are never decided between.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from itertools import permutations
from typing import TYPE_CHECKING

from persona_big5.study.messages import shown_value

if TYPE_CHECKING:
    from persona_big5.store.records import State

Shown = tuple[tuple[float | None, str], ...]
"""Options in displayed order as (value, label); the declined option has no value."""

NO_OPTION = "no option is named"
_READ_AT_MOST = 20_000  # characters of a reply; what comes after a runaway opening says nothing more
_OFF_SCALE = -1  # stands for any number that is no option, beside the indices of the options shown
OPTION_LETTERS = "abcdefghijk"
NUMBER_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_FLAT_LABELS = {"yes", "no", "a"}  # too common as words to count as an option inside a sentence
_NEITHER = {"neither", "neutral", "neither agree nor disagree"}

_COUNT = r"\d{1,12}(?:\.\d{1,12})?"
_NUMBER = rf"(?:[-+]?{_COUNT}|{'|'.join(NUMBER_WORDS)})"
_NOTHING = r"(?!)"  # matches no text
_BETWEEN_WORDS = r"[^\w\n]+"
_INTERJECTION = r"(?:sure|ok|okay|well|hm+|honestly|of course|assistant)\b[\s,.:!]*"
_BULLETS = r"\u2022\u25aa\u25cf\u2192\u27a1\u2705"
_OPENING = rf"(?:[\s\"'()\[{{<|:.,{_BULLETS}]|-(?!\d))*(?:{_INTERJECTION})?"  # a minus belongs to its number
_SEPARATOR = r"[\s\"')\]}:.,;=|(\[-]*"
_LEADER = (
    r"(?:answers?|scores?|ratings?|rate[ds]?|rating|responses?|choices?|choose|chose|select(?:ed)?|pick(?:ed)?|"
    r"options?|number|value|say|give|going with|go with|would be|settle on|put|"
    r"maybe|perhaps|possibly|probably|definitely|certainly|"
    r"antwort|bewertung|wähle|würde sagen|réponse|choisis|dirais|respuesta|elijo|diría)"
)
_LEADER_WITHOUT_BLANKS = r"(?:答案|回答|选择|选项|选|评分)"
_FILLER = (
    r"(?:(?:is|it's|its|it|was|to be|be|would|will|this|that|the|statement|item|my|myself|me|as|a|an|of|at|with|on|to|"
    r"final|answer|score|rating|number|option|response|value|solid|about|ist|wäre|est|es|sería)\b|[是为:=\"'(\[]|-(?!\d))"
)

_CANNOT = (
    r"(?:can ?not|can't|could not|couldn't|won't|will not|unable to|not able to|decline to|refuse to|rather not|"
    r"prefer not|not comfortable|not appropriate|inappropriate to|not possible for me to|not going to)"
)
_ANSWERING = (
    r"(?:rat(?:e|ing)|answer|respond|assess|choose|pick|select|provid|giv(?:e|ing)|hav(?:e|ing)|participate|complete|"
    r"help|assist|comply|say|shar(?:e|ing)|evaluate|assign|comment|engage|do that|agree or disagree|fulfil)"
)
_LACKING = r"(?:do not|don't|does not|doesn't|lack|have no|without)"
_INNER_LIFE = (
    r"(?:personal|opinions?|beliefs?|feelings?|preferences?|experiences?|self|personality|emotions?|consciousness|"
    r"identity)"
)
_REFUSAL = re.compile(
    rf"\b{_CANNOT}\b[^.\n]{{0,60}}?\b{_ANSWERING}"
    rf"|\b{_LACKING}\b[^.\n]{{0,60}}?\b{_INNER_LIFE}\b"
    r"|\b(?:sorry|apologi[sz]e)\b[^.\n]{0,40}\b(?:can't|cannot|can not|unable|won't|not able)\b"
    r"|\b(?:rather|prefer|choose) not(?: to)? (?:say|answer|respond|rate|comment|share)\b"
)
_NEGATION = re.compile(
    r"(?:\b(?:not|never|cannot|nor|without|than|instead of|hardly)|n't)"
    r"(?: (?:really|fully|entirely|to|simply|just|be|necessarily|say|claim|think|believe|feel|that|i|would|do))*"
    r"(?: \w+ n?or)?\W*$|\bno $"
)
_NEGATION_NEARBY = re.compile(r"\b(?:no|nicht|keine?|pas|nunca|jamais)(?: \w+){0,2} $")
_MODIFIER = re.compile(
    r"\b(?:completely|totally|fully|absolutely|wholeheartedly|definitely|somewhat|slightly|partly|partially|mildly|"
    r"strongly|moderately|mostly|largely|very|quite|almost|nearly|eher|ziemlich|teilweise|plutôt|assez|presque|"
    r"bastante|algo|muy|casi)\W*$"
)
_WITHOUT_BLANKS = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")
_MAY_STAND_BEFORE = (
    r"(?<![^\W我是选择为])(?<!还是)"  # of a label in a script without blanks; other characters change its sense
)
_MAY_STAND_AFTER = r"(?![不或还與与和也程度吗])"


@dataclass(frozen=True, slots=True)
class Reading:
    """What one piece of text says: a state and, if it is ``answered``, the score; otherwise the reason."""

    state: State
    score: float | None = None
    reason: str | None = None


def read_option(text: str, shown: Shown, statement: str = "") -> Reading:
    """Read the option that ``text`` commits to.

    Parameters
    ----------
    text
        What the llm wrote about one statement, thoughts removed.
    shown
        The options in displayed order; one whose value is None is the way out (declined).
    statement
        The statement asked about; where the text repeats it, it is no answer.

    Returns
    -------
    Reading
        ``answered`` with a value of ``shown``; ``declined``; ``empty``; ``refused`` (a phrase of refusal and no
        option); ``off_scale`` (a number that is no option); ``unparsable`` (no option, or more than one).

    Examples
    --------
    >>> shown = ((1.0, "Disagree"), (2.0, "Agree"), (3.0, "Strongly agree"))
    >>> read_option("(c) Strongly agree", shown).score
    3.0
    >>> read_option("Somewhere between 1 and 2.", shown).state
    'unparsable'
    """
    return _reader(shown).read(text, statement)


def is_option(text: str, shown: Shown) -> Reading | None:
    """Read a text that is an option and nothing else; None for any other text."""
    return _reader(shown).read_whole(normalise(text))


def is_refusal(plain: str) -> bool:
    """Tell whether a normalised text has a phrase of refusal."""
    return _REFUSAL.search(plain) is not None


def normalise(text: str) -> str:
    """Lower case without markdown, typographic quotes and dashes; lines are kept."""
    text = unicodedata.normalize("NFKC", text[:_READ_AT_MOST]).casefold()
    text = re.sub(r"\\boxed ?\{([^{}\n]{0,60})\}", r" answer: \1 ", text)
    text = text.translate(_TYPOGRAPHY)
    text = re.sub(r"\bi'd\b", "i would", text)
    return re.sub(r"[^\S\n]+", " ", text).strip()


_TYPOGRAPHY = str.maketrans(
    {"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u2013": "-", "\u2014": "-", "\u2212": "-"}
    | dict.fromkeys("*_`#>~$\\", " ")
    | {"\u3002": ".", "\ufe0f": None, "\u20e3": None}  # a full stop; what makes a digit a picture of a key
)


def _words(label: str) -> tuple[str, ...]:
    return tuple(re.findall(r"[\w']+", normalise(label)))


class _Reader:
    """Patterns for one list of options."""

    def __init__(self, shown: Shown) -> None:
        self.shown = shown
        self.undecided = {*range(len(shown))}
        self.by_value = {value: i for i, (value, _) in enumerate(shown) if value is not None}
        self.longest = 100 + max(len(label) for _, label in shown)  # of a text that is an option and nothing else
        self.bare = {shown_value(value): Reading("answered", value) for value in self.by_value}
        self.ends = (min(self.by_value), max(self.by_value))
        self.by_words = self._phrases()
        longest_first = sorted(self.by_words, key=len, reverse=True)
        label = "|".join(map(self._phrase_pattern, longest_first)) or _NOTHING
        neither = _BETWEEN_WORDS.join(("neither", r"\w+", "n?or", r"\w+"))
        self.label = re.compile(rf"(?:\b(?P<neither>{neither})|(?P<label>{label}))")
        lettered = OPTION_LETTERS[: len(shown)]
        ends_there = r"(?![\w%]|[.,]\d)"
        number = rf"(?P<number>{_NUMBER}){ends_there}(?: ?(?:/|out of) ?(?P<out_of>{_COUNT}))?"
        more = rf"(?: ?(?:-|to|or|and) ?(?P<more>{_NUMBER})\b(?![ ]*[=:.)]))?"
        letter = rf"(?P<letter>[{lettered}])(?=[).:\]]|\s*$)(?:\W*(?:or|and)?\W*(?P<second>[{lettered}])[).\]]?\W*$)?"
        name = rf"(?P<name>(?:{neither})|neutral\b|(?:{label}))(?: ?(?:/|or|to) ?(?P<other>{label}))?"
        dash = r"-(?!\d)" if self.ends[0] < 0 else "-"
        after = rf" ?(?:[(=:]|{dash})* ?(?P<after>{_NUMBER}){ends_there}(?: ?(?:/|out of) ?{_COUNT})?"
        option = rf"(?:option )?(?:{number}{more}|{letter})?(?P<between>{_SEPARATOR})(?:{name})?(?:{after})?"
        self.option = re.compile(option)
        self.whole = re.compile(
            rf"{_OPENING}(?:(?:my )?{_LEADER}(?: is)?(?:[\s:=\"']|{dash})*)?{option}[\s\"')\]}}.,;:!|<>/]*(?:br)?[\s>]*"
        )
        led_by = rf"(?:\b{_LEADER}\b|{_LEADER_WITHOUT_BLANKS})"
        self.leader = re.compile(rf"{led_by}[\s\"':=]*(?:{_FILLER}[\s\"']*){{0,8}}")
        self.follower = re.compile(
            rf"(?<![\w.])(?P<number>{_NUMBER}),? "
            r"(?:fits|it is|is (?:my|the) (?:answer|rating|choice|score)|seems (?:right|best|fair))"
        )
        self.scale_echo = self._scale_echo(rf"(?:{label})")

    def _phrases(self) -> dict[tuple[str, ...], int]:
        """Words of each label, two-word labels in either order, that name exactly one option."""
        named: dict[tuple[str, ...], set[int]] = {}
        for i, (_, label) in enumerate(self.shown):
            words = _words(label)
            orders = permutations(words) if len(words) == 2 else [words]
            for order in orders:
                named.setdefault(tuple(order), set()).add(i)
        return {words: owners.pop() for words, owners in named.items() if words and len(owners) == 1}

    def _phrase_pattern(self, words: tuple[str, ...]) -> str:
        as_shown = words == _words(self.shown[self.by_words[words]][1])
        phrase = (_BETWEEN_WORDS if as_shown else " ").join(map(re.escape, words))
        if _WITHOUT_BLANKS.search(phrase):
            return _MAY_STAND_BEFORE + phrase + _MAY_STAND_AFTER
        return rf"\b{phrase}(?![\w'])"

    def _scale_echo(self, label: str) -> re.Pattern[str]:
        low, high = (re.escape(f"{end:g}") for end in self.ends)
        ends = rf"(?:{low} ?(?:-|to|and|through) ?{high}|{high} ?(?:-|to|and|through) ?{low})"
        verb = r"(?:=|means?|meaning|is|being|represents?|indicates?|stands for)"
        named = rf"(?:\([^()\n]{{0,60}}\)|{verb} ?\"?{label}\"?)?"
        link = r",?;? (?:to|and|through) "
        either = rf"(?:{low} ?{named}{link}{high} ?{named}|{high} ?{named}{link}{low} ?{named})"
        article = r"(?:\b(?:on|using|from|within) )?(?:an? |the |this )?(?:\w{1,20} )?"
        return re.compile(
            rf"{article}scale (?:of|from|where|with) {either}(?!\w|\.\d)"
            rf"|\b(?:where|with) {either}(?=[,.;\n]|$)"
            rf"|\b(?:between|from) {ends}\b|\(? ?(?<![\w.]){ends}(?!\w|\.\d) ?\)?"
        )

    def read(self, text: str, statement: str) -> Reading:
        bare = self.bare.get(text.strip())
        if bare:
            return bare  # nearly every reply, where the number only was asked for
        plain = normalise(text)
        if not plain:
            return Reading("empty", reason="the reply is blank")
        whole = self.read_whole(plain)
        if whole:
            return whole
        body = self._without_echo(plain, statement)
        found = self._committed(body)
        if not found:
            found = self._named(body)
            if len(found) != 1 and is_refusal(body):
                return Reading("refused", reason="the reply declines in its own words")
        return self._resolve(found, body)

    def _is_whole(self, text: str) -> re.Match[str] | None:
        """Match a text that is an option and nothing else; a long one never is, and would take long to tell."""
        return self.whole.fullmatch(text) if len(text) <= self.longest else None

    def read_whole(self, plain: str) -> Reading | None:
        found = self._found(self._is_whole(plain))
        return self._resolve(found, plain) if found else None

    def _resolve(self, found: set[int], body: str) -> Reading:
        if not found:
            return Reading("unparsable", reason=NO_OPTION if body else "only the question is repeated")
        if len(found) > 1:
            return Reading("unparsable", reason="more than one option is named")
        index = found.pop()
        if index == _OFF_SCALE:
            return Reading("off_scale", reason="a number that is none of the options")
        value = self.shown[index][0]
        if value is None:
            return Reading("declined", reason="the way out that was offered")
        return Reading("answered", value)

    def _without_echo(self, plain: str, statement: str) -> str:
        """Text without the statement, a repeated list of options, and the ends of the scale."""
        asked = normalise(statement).rstrip(".!?")
        if asked:
            plain = plain.replace(asked, " ")
        lines = plain.split("\n")
        listed = [i for i, line in enumerate(lines) if self._lists_option(line)]
        if len({lines[i].strip() for i in listed}) == len(self.by_value):
            lines = [line for i, line in enumerate(lines) if i not in set(listed)]
        return self.scale_echo.sub(" ", "\n".join(lines)).strip()

    def _lists_option(self, line: str) -> bool:
        match = self.option.fullmatch(line.strip(" -.,;"))
        return bool(match and match["number"] and match["name"])

    def _committed(self, body: str) -> set[int]:
        """Options the text opens with, ends on, or is led to."""
        found = self._opening(body)
        lines = [line for line in body.split("\n") if line.strip()]
        if len(lines) > 1:
            found |= self._found(self._is_whole(lines[-1]))
        for match in self.leader.finditer(body):
            option = self.option.match(body, match.end())
            if option and self._stands_alone(option, body) and not _negated(body, match.start()):
                found |= self._found(option)
        found |= {self._index(match["number"]) for match in self.follower.finditer(body)}
        return found

    def _opening(self, body: str) -> set[int]:
        start = re.match(_OPENING, body)
        option = self.option.match(body, start.end() if start else 0)
        if option is None or not self._stands_alone(option, body):
            return set()
        number = option["number"]
        enumerates = number and not option["name"] and option["between"][:1] in {".", ")"}
        if enumerates and re.search(rf"^\s*{_successor(number)}[.)] ", body, re.MULTILINE):
            return set()  # the first entry of a numbered list
        return self._found(option)

    def _stands_alone(self, option: re.Match[str], body: str) -> bool:
        """Whether a number is an answer rather than a count of something, and a short label more than a word."""
        rest = body[option.end() :]
        if option["name"]:
            flat = option["name"] in _FLAT_LABELS
            return bool(option["number"] or option["letter"] or not flat or re.match(r"\s*(?:[,.;:!\n-]|$)", rest))
        if option["after"] and not option["number"]:
            return False
        if option["number"]:
            return bool(
                option["out_of"]
                or option["between"].strip()
                or "\n" in option["between"]
                or re.match(r"\s*(?:$|[\n.,;:!?<]|(?:for|because|since|as|on|out|in this|here|i|to)\b)", rest)
            )
        return bool(option["letter"])

    def _named(self, body: str) -> set[int]:
        """Options named in prose."""
        found: set[int] = set()
        for match in self.label.finditer(body):
            before = body[max(0, match.start() - 40) : match.start()]
            if match["neither"] is None:
                if match["label"] in _FLAT_LABELS or _NEGATION.search(before) or _NEGATION_NEARBY.search(before):
                    continue
                if _MODIFIER.search(before):
                    return self.undecided  # "somewhat agree" is not the option "agree"
            found |= self._found_label(match.group())
        for match in re.finditer(
            rf"(?<![\w.])(?P<number>{_NUMBER}) ?(?:/|out of) ?{_COUNT}\b|[(\[](?P<bracketed>{_NUMBER})[)\]]"
            rf"|\ban? (?P<article>{_NUMBER})(?=\s*(?:$|[.,;:!?\n)]|(?:for|because|since|on|here)\b))",
            body,
        ):
            found.add(self._index(next(group for group in match.groups() if group)))
        return found

    def _found(self, match: re.Match[str] | None) -> set[int]:
        """Every option that a match of the pattern ``option`` points to."""
        if match is None:
            return set()
        groups = match.groupdict()
        found = {self._index(groups[part]) for part in ("number", "more", "after") if groups[part]}
        if groups["name"]:
            found |= self._found_label(groups["name"])
        if groups["other"]:
            found |= self._found_label(groups["other"])
        found |= {ord(groups[part]) - ord("a") for part in ("letter", "second") if groups[part]}
        return found

    def _found_label(self, phrase: str) -> set[int]:
        words = _words(phrase)
        if words in self.by_words:
            return {self.by_words[words]}
        return {i for i, (_, label) in enumerate(self.shown) if " ".join(_words(label)) in _NEITHER} or self.undecided

    def _index(self, number: str) -> int:
        value = float(NUMBER_WORDS.index(number)) if number in NUMBER_WORDS else float(number)
        return self.by_value.get(value, _OFF_SCALE)


@lru_cache(maxsize=256)
def _reader(shown: Shown) -> _Reader:
    return _Reader(shown)


def _successor(number: str) -> str:
    return str(int(number) + 1) if number.isdecimal() and len(number) < 3 else _NOTHING


def _negated(body: str, at: int) -> bool:
    return bool(_NEGATION.search(body[max(0, at - 40) : at]))

"""Calls, tokens and cost of a study, as ranges, from what its respondents will be sent."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from persona_big5.study.messages import asked_turns
from persona_big5.study.model import TOKEN_LIMITS
from persona_big5.study.plan import plan

if TYPE_CHECKING:
    from collections.abc import Mapping

    from persona_big5.study.model import Llm, Study

    Prices = Mapping[tuple[str, str], tuple[float, float] | None]

CHARACTERS_PER_TOKEN = 4
TOKENS_PER_MESSAGE = 4
TOKENS_PER_ANSWER = {"text": 3, "json": 7}
TOKENS_PER_BLOCK_ANSWER = {"text": 6, "json": 7}
WORDS_WITH_AN_ANSWER = 6
TOKENS_OF_A_LIVE_REPLY = 150
TOKENS_OF_A_THOUGHT = 400

BASIS = (
    f"{CHARACTERS_PER_TOKEN} characters a token; low: bare numbers, no thoughts; expected: {WORDS_WITH_AN_ANSWER} more "
    f"tokens an answer, {TOKENS_OF_A_LIVE_REPLY} a live turn or free reply, {TOKENS_OF_A_THOUGHT} a thought "
    "where reasoning is on; high: every reply at its limit of tokens"
)
"""What the estimates take for granted, in words."""


@dataclass(frozen=True, slots=True)
class Range:
    """Least, expected and most; ``high`` is None where nothing bounds it."""

    low: float
    expected: float
    high: float | None

    def __str__(self) -> str:
        return self.shown("{:,.0f}")

    def shown(self, number: str) -> str:
        """Write the range with each of its ends formatted as ``number``."""
        low, expected = number.format(self.low), number.format(self.expected)
        high = "?" if self.high is None else number.format(self.high)
        return low if low == expected == high else f"{low} to {high} ({expected} expected)"

    def __add__(self, other: Range) -> Range:
        high = None if self.high is None or other.high is None else self.high + other.high
        return Range(self.low + other.low, self.expected + other.expected, high)

    def plus(self, number: float) -> Range:
        """Return the range with a number added to all three."""
        return self + Range(number, number, number)

    def times(self, factor: float) -> Range:
        """Return the range with all three multiplied."""
        return Range(self.low * factor, self.expected * factor, None if self.high is None else self.high * factor)


@dataclass(frozen=True, slots=True)
class LlmEstimate:
    """What one llm, with its variants, will be sent and will reply; ``cost`` in USD, None without a price.

    Low: bare numbers and no reasoning. High: every reply, thoughts included, runs to its limit of tokens (None: the
    settings give none). Expected: some words with each answer, a paragraph for a live turn, a thought where reasoning
    is on.
    """

    llm: str
    calls: int
    tokens_in: Range
    tokens_out: Range
    cost: Range | None

    def __str__(self) -> str:
        cost = "price unknown" if self.cost is None else f"{self.cost.shown('{:,.2f}')} USD"
        return f"{self.llm}: {self.calls:,} calls, {self.tokens_in} tokens in, {self.tokens_out} out, {cost}"


@dataclass(frozen=True, slots=True)
class Reply:
    """A kind of reply: ``answers`` given at once, in which format and level of reasoning.

    Free text, of a live turn or to an open item, has 0.
    """

    answers: int
    layout: str
    format: str
    reasoning: str

    def tokens(self, llm: Llm) -> Range:
        """Tokens of the reply, thoughts included."""
        limit, said = self._limit(llm), self.said(llm)
        thought = TOKENS_OF_A_THOUGHT if self.reasoning == "on" else 0
        return replace(said, expected=_at_most(limit, said.expected + thought))

    def said(self, llm: Llm) -> Range:
        """Tokens of the reply without thoughts, as they stand in the history."""
        bare = (TOKENS_PER_BLOCK_ANSWER if self.layout == "block" else TOKENS_PER_ANSWER)[self.format] * self.answers
        expected = bare + WORDS_WITH_AN_ANSWER * self.answers if self.answers else TOKENS_OF_A_LIVE_REPLY
        limit = self._limit(llm)
        return Range(_at_most(limit, bare or 1), _at_most(limit, expected), limit)

    def _limit(self, llm: Llm) -> int | None:
        limits = [value for name, value in llm.parameters(self.reasoning).items() if name in TOKEN_LIMITS]
        return next((limit for limit in limits if isinstance(limit, int)), None)


@dataclass
class Load:
    """What one respondent without a persona text is asked, all runs and contexts.

    ``tokens_in`` are those of contexts and questions, as often as they are sent; ``requests`` counts the replies of
    each kind, and ``repeats`` how often they stand in the history of a later turn.
    """

    sessions: int
    administrations: int
    tokens_in: int
    requests: Counter[Reply]
    repeats: Counter[Reply]


def load_of_one_respondent(study: Study) -> Load:
    """Measure the runs of one turn of a fraction (one run where crossed): all others are as long."""
    design = study.administration
    turn = len(design.manners) if design.design == "fraction" else 1
    llm = study.llms[0].model_copy(update={"variants": study.llms[0].variants[:1]})
    one = {"llms": (llm,), "personas": study.personas[:1], "runs": min(study.runs, turn)}
    load = Load(0, 0, 0, Counter(), Counter())
    for session in plan(study.model_copy(update=one)):
        times = (study.runs - session.run) // turn + 1
        load.sessions += times
        load.administrations += times * len(session.administrations)
        turns = asked_turns(session)
        canned = session.context.turns if session.context.mode == "canned" else ()
        load.tokens_in += times * len(turns) * sum(_tokens(turn.text) for turn in canned)
        for later, asked in enumerate(reversed(turns)):
            answers = sum(one.response_scale.kind != "open" for one in asked.administrations)
            reply = Reply(answers, session.layout, session.format, session.reasoning)
            load.tokens_in += times * (later + 1) * _tokens(asked.text)
            load.requests[reply] += times
            load.repeats[reply] += times * later
    return load


def estimate(llm: Llm, load: Load, study: Study, prices: Prices) -> LlmEstimate:
    """Estimate what an llm, with its variants, is sent and replies, from what one respondent is asked.

    ``prices`` are USD per token of input and of output for the (llm, variant) whose price the study does not give.
    """
    personas, nothing = len(study.personas), Range(0, 0, 0)
    persona_texts = sum(_tokens(persona.text) for persona in study.personas if persona.text) * load.requests.total()
    history = sum((reply.said(llm).plus(TOKENS_PER_MESSAGE).times(n) for reply, n in load.repeats.items()), nothing)
    tokens_in = history.times(personas).plus(load.tokens_in * personas + persona_texts)
    tokens_out = sum((reply.tokens(llm).times(n * personas) for reply, n in load.requests.items()), nothing)
    cost: Range | None = Range(0.0, 0.0, 0.0)
    for variant in llm.variants:
        price = prices.get((llm.id, variant.id))
        if llm.price is not None:
            price = (llm.price.input / 1e6, llm.price.output / 1e6)
        cost = None if cost is None or price is None else cost + tokens_in.times(price[0]) + tokens_out.times(price[1])
    many = len(llm.variants)
    calls = load.requests.total() * personas * many
    return LlmEstimate(llm.id, calls, tokens_in.times(many), tokens_out.times(many), cost)


def _tokens(text: str) -> int:
    return TOKENS_PER_MESSAGE + -(-len(text) // CHARACTERS_PER_TOKEN)


def _at_most(limit: int | None, tokens: float) -> float:
    return tokens if limit is None else min(tokens, limit)

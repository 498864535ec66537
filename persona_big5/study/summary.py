"""What a study will take before anything is asked: calls, tokens, cost, settings in force, what is not estimable."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby, product
from typing import TYPE_CHECKING

from persona_big5.study.load import default_max_tokens
from persona_big5.study.messages import session_messages
from persona_big5.study.model import NEUTRAL_CONTEXT, NO_PERSONA, AdministrationDesign, Limits
from persona_big5.study.plan import plan

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from persona_big5.study.model import Llm, Study

CHARACTERS_PER_TOKEN = 4
TOKENS_PER_MESSAGE = 4
TOKENS_PER_ANSWER = {"isolated": 3, "conversation": 3, "block": 6}


@dataclass(frozen=True, slots=True)
class LlmEstimate:
    """What one llm, with its variants, will be sent and will reply; costs in USD, None where the study has no price.

    ``tokens_out`` expects bare numbers; ``tokens_out_limit`` and ``cost_limit`` hold if every reply runs to its limit
    of tokens (None: the decoding settings give none).
    """

    llm: str
    calls: int
    tokens_in: int
    tokens_out: int
    tokens_out_limit: int | None
    cost: float | None
    cost_limit: float | None

    def __str__(self) -> str:
        cost = "no price in the study"
        if self.cost is not None:
            limit = "" if self.cost_limit is None else f", {self.cost_limit:,.2f} at most"
            cost = f"about {self.cost:,.2f} USD{limit}"
        return f"{self.llm}: {self.calls:,} calls, {self.tokens_in:,} tokens in, {self.tokens_out:,} out, {cost}"


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting in force, of the study or of the llm ``of``; ``is_default``: it would be the same without saying so."""

    of: str | None
    name: str
    value: str
    is_default: bool

    def __str__(self) -> str:
        return f"{self.name} {self.value}{' (default)' if self.is_default else ''}"


@dataclass(frozen=True, slots=True)
class PlanSummary:
    """What a study will take. ``sessions`` is the number of calls when nothing has to be tried again.

    ``not_estimable`` names each facet with one level, and what its variance is then part of.
    """

    study: str
    sessions: int
    administrations: int
    respondents: int
    llms: tuple[LlmEstimate, ...]
    settings: tuple[Setting, ...]
    not_estimable: tuple[str, ...]
    max_cost: float | None

    @property
    def cost(self) -> float | None:
        """Expected cost of all llms in USD; None when the price of any is unknown."""
        costs = [llm.cost for llm in self.llms if llm.cost is not None]
        return sum(costs) if len(costs) == len(self.llms) else None

    def __str__(self) -> str:
        total = "unknown" if self.cost is None else f"about {self.cost:,.2f} USD"
        cap = "no cap (give max_cost)" if self.max_cost is None else f"stops at {self.max_cost:,.2f} USD"
        lines = [
            f"{self.study}: {self.sessions:,} calls, {self.administrations:,} answers, {self.respondents} respondents",
            f"Cost: {total}; {cap}",
            *_section(f"By llm (estimates: {CHARACTERS_PER_TOKEN} characters a token, no reasoning)", self.llms),
            *_section("Settings", [setting for setting in self.settings if setting.of is None]),
            *_section("Settings of each llm", [f"{of}: {', '.join(map(str, group))}" for of, group in self._by_llm()]),
            *_section("Not estimable with this design", self.not_estimable),
        ]
        return "\n".join(lines)

    def _by_llm(self) -> Iterator[tuple[str, Iterator[Setting]]]:
        return groupby((one for one in self.settings if one.of is not None), key=lambda one: str(one.of))


def summarise(study: Study) -> PlanSummary:
    """Count and estimate what a study will take; asks nothing and makes no plan in memory.

    Calls and administrations are exact. Tokens in are the characters sent / 4, plus 4 a message; since every respondent
    gets the same sheets, one respondent's messages are measured and multiplied. Tokens out are 3 for an isolated answer
    and 6 for one in a block, as for replies with nothing but numbers.
    """
    sheets = list(plan(_one_respondent(study)))
    answers = sum(len(session.administrations) for session in sheets)
    asked_each_time = sum(_tokens(session_messages(session)[-1]["content"]) for session in sheets)
    situations = len(study.contexts) * study.runs
    before = [
        sum(_tokens(text) for text in ([persona.text] if persona.text else []) + [turn.text for turn in context.turns])
        for persona, context in product(study.personas, study.contexts)
    ]
    tokens_in = study.runs * (len(study.personas) * len(study.contexts) * asked_each_time + sum(before) * len(sheets))
    per_variant = len(study.personas) * situations
    llms = tuple(
        _estimate(llm, len(sheets) * per_variant, answers * per_variant, tokens_in, study.administration)
        for llm in study.llms
    )
    variants = sum(len(llm.variants) for llm in study.llms)
    return PlanSummary(
        study=study.id,
        sessions=len(sheets) * per_variant * variants,
        administrations=answers * per_variant * variants,
        respondents=len(study.personas) * variants,
        llms=llms,
        settings=tuple(_settings(study)),
        not_estimable=tuple(_not_estimable(study)),
        max_cost=study.max_cost,
    )


def _section(title: str, lines: Sequence[object]) -> list[str]:
    return [f"{title}:", *(f"  {line}" for line in lines)] if lines else []


def _one_respondent(study: Study) -> Study:
    llm = study.llms[0].model_copy(update={"variants": study.llms[0].variants[:1]})
    first = {"llms": (llm,), "personas": study.personas[:1], "contexts": study.contexts[:1], "runs": 1}
    return study.model_copy(update=first)


def _tokens(text: str) -> int:
    return TOKENS_PER_MESSAGE + -(-len(text) // CHARACTERS_PER_TOKEN)


def _estimate(llm: Llm, calls: int, answers: int, tokens_in: int, design: AdministrationDesign) -> LlmEstimate:
    """Estimate one llm from the calls, answers and tokens in of each of its variants."""
    many = len(llm.variants)
    tokens_out = many * answers * TOKENS_PER_ANSWER[design.layout]
    limit = llm.decoding.get("max_tokens", llm.decoding.get("max_completion_tokens"))
    limit_out = many * calls * limit if isinstance(limit, int) else None

    def cost(out: int) -> float | None:
        return None if llm.price is None else (many * tokens_in * llm.price.input + out * llm.price.output) / 1e6

    return LlmEstimate(
        llm=llm.id,
        calls=many * calls,
        tokens_in=many * tokens_in,
        tokens_out=tokens_out,
        tokens_out_limit=limit_out,
        cost=cost(tokens_out),
        cost_limit=None if limit_out is None else cost(limit_out),
    )


def _settings(study: Study) -> Iterator[Setting]:
    """Every setting in force."""
    personas, contexts = [one.id for one in study.personas], [one.id for one in study.contexts]
    yield Setting(None, "personas", _named(personas), personas == [NO_PERSONA])
    yield Setting(None, "contexts", _named(contexts), contexts == [NEUTRAL_CONTEXT])
    yield Setting(None, "runs", str(study.runs), study.runs == 1)
    default = AdministrationDesign()
    for name in AdministrationDesign.model_fields:
        value = getattr(study.administration, name)
        if name in {"block_size", "item_order"} and study.administration.layout != "block":
            continue  # an isolated item is in no block and its order is the plan's
        yield Setting(None, name, _shown(value), value == getattr(default, name))
    for llm in study.llms:
        yield from _llm_settings(llm, study.administration)


def _llm_settings(llm: Llm, design: AdministrationDesign) -> Iterator[Setting]:
    tokens = default_max_tokens(design)
    for name, value in llm.decoding.items():
        yield Setting(llm.id, name, _shown(value), name == "max_tokens" and value == tokens)
    if "temperature" not in llm.decoding:
        yield Setting(llm.id, "temperature", "the provider's own", is_default=True)
    if llm.api_base is None:
        yield Setting(llm.id, "api_base", "the provider's own", is_default=True)
    if llm.api_key_env is None:
        yield Setting(llm.id, "api_key_env", "litellm's own", is_default=True)
    if llm.price is None:
        yield Setting(llm.id, "price", "litellm's table", is_default=True)
    default = Limits()
    for name in Limits.model_fields:
        value = getattr(llm.limits, name)
        yield Setting(llm.id, name, _shown(value), value == getattr(default, name))


def _not_estimable(study: Study) -> Iterator[str]:
    """Facets with a single level: what they add cannot be told from what they are constant with."""
    design = study.administration
    if study.runs == 1:
        yield "run: asked once, so run noise cannot be told from the differences between respondents; give runs ≥ 2"
    if len(study.llms) == 1:
        yield "llm: one llm, so nothing can be said about differences between llms"
    if all(len(llm.variants) == 1 for llm in study.llms):
        yield "variant: one per llm, so what the variant adds cannot be told from its llm"
    if len(study.personas) == 1:
        yield f"persona: only '{study.personas[0].id}'"
    if len(study.contexts) == 1:
        yield f"context: only '{study.contexts[0].id}', so results hold for this context"
    if len(design.wording) == 1:
        yield f"wording: only '{design.wording[0]}', so what the wording adds cannot be told from the items"
    if len(design.option_order) == 1:
        yield f"option order: only {design.option_order[0]}, so liking a position cannot be told from agreeing"


def _named(ids: Sequence[str]) -> str:
    return ", ".join(ids) if len(ids) <= 20 else f"{', '.join(ids[:20])} and {len(ids) - 20} more"


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "none"
    return "none" if value is None else str(value)

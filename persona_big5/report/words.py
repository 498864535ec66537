"""The report's plain words for names of the analysis, and its way of writing numbers."""

from __future__ import annotations

import math

LEVELS = {
    "pooled": "Pooled rows",
    "means": "Means over runs",
    "respondent": "Corrected",
    "respondent_without_style": "Corrected, agreement removed",
    "split_run": "Odd against even runs",
    "run": "Within runs",
    "llm": "Between llms",
    "variant": "Between fine-tunes",
    "persona": "Between personas",
    "llm:persona": "Llm \N{MULTIPLICATION SIGN} persona",
    "context": "Between contexts",
    "disattenuated": "Corrected, of endlessly many items",
}
"""Levels in words; `Corrected` is of respondents with run noise removed, `disattenuated` without item noise too."""

PAIRWISE = "Missing answers: each pair of items over the rows where both are answered; nothing is imputed."
ONE_BY_ONE = "Missing answers are left out item by item; nothing is imputed."

EFFECTS = {
    "llm": "llms differ, whatever the persona",
    "variant": "fine-tunes of one llm differ",
    "persona": "personas differ, in all llms alike",
    "llm:persona": "a persona is played differently by each llm",
    "variant:persona": "a fine-tune plays a persona in its own way",
    "context": "the preceding conversation matters",
    "wording": "the phrasing of the question matters",
    "run": "the same asking, asked again: noise",
}

STATES = {
    "answered": "an option was read from the reply",
    "declined": "took the way out that was offered",
    "refused": "refused by text, or stopped by the provider's filter",
    "unparsable": "a reply, but no option could be read from it",
    "off_scale": "a number that is no option",
    "truncated": "cut off by the length limit",
    "empty": "an empty reply",
    "failed": "no readable reply after all attempts",
    "not_asked": "planned, not asked yet",
}

PARTS = {
    "variance": "variance",
    "decision": "design of the next study",
    "correlations": "correlations of scales",
    "factorability": "fitness for factor analysis",
    "retention": "number of factors",
    "factors": "factors",
    "reliability": "reliability",
    "style": "response style",
    "probability": "option probabilities",
    "scores": "factor scores",
    "replication": "replication",
    "confirmatory": "the scales as a stated model",
    "prediction": "prediction of held-out behaviour",
    "change": "change under fine-tuning",
    "missingness_bounds": "bounds for missing answers",
    "semantic": "similarity of item texts",
    "mtmm": "multitrait-multimethod",
    "invariance": "measurement invariance",
    "drift": "change of anchors from occasion to occasion",
    "axis": "distance from the default persona",
    "mixtures": "mixtures of personas",
    "provenance": "provenance",
}

MINUS = "\N{MINUS SIGN}"
NOTHING = "\N{EN DASH}"
LEAST_P = 0.001


def effect_name(effect: str) -> str:
    """Return an effect as a reader writes it: ``llm:persona`` is llm x persona."""
    return effect.replace(":", " \N{MULTIPLICATION SIGN} ")


def number(value: float | None, digits: int = 2) -> str:
    """Return a number with a true minus sign, a dash where there is none."""
    if value is None or not math.isfinite(value):
        return NOTHING
    text = f"{value:,.{digits}f}"
    if float(text.replace(",", "")) == 0:
        text = text.removeprefix("-")
    return text.replace("-", MINUS)


def short(value: float | None) -> str:
    """Return a correlation or loading without its leading zero: .53."""
    return number(value).replace("0.", ".", 1) if value is not None and abs(value) < 1 else number(value)


def percent(share: float | None) -> str:
    """Return a share in percent, a dash where there is none."""
    return (
        NOTHING if share is None or not math.isfinite(share) else f"{number(100 * share, 0)}\N{NARROW NO-BREAK SPACE}%"
    )


def count(value: float | None) -> str:
    """Return a whole number with thousands apart."""
    return NOTHING if value is None or not math.isfinite(value) else f"{value:,.0f}"


def p_value(p: float | None) -> str:
    """Return a p with three digits; very small ones are not told apart."""
    return f"< {LEAST_P}" if p is not None and p < LEAST_P else number(p, 3)


def with_interval(value: float | None, low: float | None, high: float | None) -> str:
    """Return a correlation, loading or coefficient with both ends of its interval, where it has one."""
    known = low is not None and high is not None and math.isfinite(low) and math.isfinite(high)
    return f"{short(value)} ({short(low)} to {short(high)})" if known else short(value)


def interval(low: float | None, high: float | None, digits: int = 2) -> str:
    """Return both ends of an interval, a dash where there is none."""
    if low is None or high is None or not (math.isfinite(low) and math.isfinite(high)):
        return NOTHING
    return f"{number(low, digits)} to {number(high, digits)}"

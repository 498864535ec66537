"""An analysis on one page, in plain language, for the terminal."""

from __future__ import annotations

import re
from typing import Any

MOST_NAMED = 12
LEVELS_SHOWN = ("pooled", "means", "respondent", "run")


def summary(document: dict[str, Any]) -> str:
    """Say the verdict, the variance shares, the numbers of factors and what to mind, from ``analysis.json``."""
    data = document["data"]
    counted = (
        f"{data['n_respondents']} respondents ({data['n_llms']} llms, {data['n_variants']} llm variants, "
        f"{data['n_personas']} personas), {data['n_items']} items, {data['runs_per_cell']['median']:g} runs per cell, "
        f"{data['n_rows']} rows"
    )
    lines = [
        f"Verdict: {document['verdict']['code']}",
        f"  {document['verdict']['text']}",
        *(f"  - {reason}" for reason in document["verdict"]["reasons"]),
        "",
        counted,
        "",
        *_variance(document),
        *_factors(document),
        *_scales(document),
    ]
    minded = [*data["warnings"], *_left_out(data["dropped_items"])]
    if minded:
        lines += ["Mind:", *(f"  - {warning}" for warning in minded)]
    return "\n".join(lines)


def _left_out(dropped: list[dict[str, str]]) -> list[str]:
    """Name the items left out, those with the same reason together; many are counted."""
    by_reason: dict[str, list[str]] = {}
    for entry in dropped:
        by_reason.setdefault(re.sub(r"reliability -?[\d.]+ <", "reliability <", entry["reason"]), []).append(
            entry["item"]
        )
    return [
        f"left out, {reason}: {', '.join(items[:MOST_NAMED])}{' and more' if len(items) > MOST_NAMED else ''}"
        for reason, items in by_reason.items()
    ]


def _variance(document: dict[str, Any]) -> list[str]:
    by_level = document["variance"]["by_level"]
    if by_level is None:
        return [f"Variance: {document['reasons']['variance.by_level']}", ""]
    lines = [
        "Variance, item by item, averaged",
        f"  {'effect':<16}{'estimate':>9}{'share':>8}   95% interval of the share",
    ]
    for name, component in by_level.items():
        if component is None:
            lines.append(f"  {name:<16}{'':>9}{'':>8}   {document['reasons'][f'variance.by_level.{name}']}")
            continue
        low, high = component["share_ci_low"], component["share_ci_high"]
        between = "not resampled" if low is None else f"{low:.3f} to {high:.3f}"
        share = "" if component["share"] is None else f"{component['share']:.3f}"
        lines.append(f"  {name:<16}{component['estimate']:>9.4f}{share:>8}   {between}")
    ratio = document["variance"]["run_to_persona_ratio"]
    if ratio is not None:
        known = ratio["ci_low"] is not None and ratio["ci_high"] is not None
        between = f" ({ratio['ci_low']:.2f} to {ratio['ci_high']:.2f})" if known else ""
        lines.append(f"  run : persona = {ratio['estimate']:.2f}{between}")
    return [*lines, ""]


def _factors(document: dict[str, Any]) -> list[str]:
    lines = ["Number of factors by parallel analysis"]
    for level in LEVELS_SHOWN:
        found = document["retention"].get(level)
        if found is not None and found["parallel_analysis"] is not None:
            lines.append(f"  {level:<16}{found['parallel_analysis']:>3}   ({found['n']} units)")
        elif found is not None:
            lines.append(f"  {level:<16}  -   {document['reasons'][f'retention.{level}.parallel_analysis']}")
        elif level in document["retention"]:
            lines.append(f"  {level:<16}  -   {document['reasons'][f'retention.{level}']}")
    recommended = document["recommended_level"]
    lines.append(f"  trust: {recommended['level'] or 'none'} ({recommended['reason']})")
    return [*lines, ""]


def _scales(document: dict[str, Any]) -> list[str]:
    lines = [f"Scales: {'alpha':>12}{'g':>7}{'items':>7}{'reversed':>10}{'r(+,-)':>8}"]
    for scale, found in document["reliability"].items():
        shown = [found["alpha"], found["g"], found["r_positive_negative"]]
        alpha, g, r = ("" if value is None else f"{value:.2f}" for value in shown)
        lines.append(f"  {scale[:13]:<14}{alpha:>4}{g:>7}{found['n_items']:>7}{found['n_reversed']:>10}{r:>8}")
    return [*lines, ""]

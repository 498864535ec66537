"""How much of an answer is what, and each llm on its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from persona_big5.report import figures, tables
from persona_big5.report.fragments import Fragment, bullets, figure, paragraph, table
from persona_big5.report.words import ONE_BY_ONE, count, interval, number, p_value, percent

if TYPE_CHECKING:
    from persona_big5.report.findings import Findings


def show_variance(findings: Findings) -> Fragment:
    """Show how much of the variance of an answer each effect is."""
    shares = tables.variance_shares(findings)
    if shares.empty or shares["share"].isna().all():
        return Fragment.of(paragraph(f"Not estimable: {findings.reason('variance', 'by_level')}.", "note"))
    data = findings.document["data"]
    unresampled = [row.effect for row in tables.named_rows(shares) if np.isnan(row.low)]
    no_interval = f" No interval for {', '.join(unresampled)}: too few levels to resample." if unresampled else ""
    dropped = {effect: why for effect, why in (findings.value("variance", "dropped") or {}).items() if effect != "run"}
    spoken = ", ".join(f"{row.effect} {percent(row.share)}" for row in tables.named_rows(shares))
    return Fragment.of(
        figure(
            figures.variance_shares(findings),
            "What an answer's variance is made of.",
            f"Bars: share of the sum of all components, each item on its own, then averaged over {data['n_items']} "
            f"items. Lines: 95 % interval, by "
            f"leaving out llms and personas in turn.{no_interval} n = {count(findings.n_respondents)} respondents, "
            f"{count(data['n_rows'])} askings. {ONE_BY_ONE}",
            f"Bar chart of variance shares: {spoken}.",
        ),
        _run_noise(findings),
        bullets([f"{effect}: {why}" for effect, why in dropped.items()], "Left out"),
        _placebo_sentence(findings),
    )


def _run_noise(findings: Findings) -> str:
    if findings.value("variance", "by_level", "run") is None:
        return paragraph(f"Run noise cannot be told apart: {findings.reason('variance', 'by_level', 'run')}.", "note")
    share = findings.value("style", "all", "position_bias", "share_of_run_variance")
    orders = "" if share is None else paragraph(f"Of the run variance the orders of the options make {percent(share)}.")
    ratio = findings.value("variance", "run_to_persona_ratio")
    if ratio is None or ratio["estimate"] is None:
        why = findings.reason("variance", "run_to_persona_ratio", "estimate")
        return paragraph(f"Run noise against persona variance: not estimable ({why}).", "note") + orders
    between = interval(ratio["ci_low"], ratio["ci_high"])
    known = f" (95 % interval {between})" if ratio["ci_low"] is not None and ratio["ci_high"] is not None else ""
    p = ratio.get("p_equal_one")
    apart = "" if p is None else f" Test that both are equal: p {p_value(p)}."
    return (
        paragraph(
            f"For each unit of variance that personas cause, asking again adds {number(ratio['estimate'])}{known}. "
            f"Above 1, two askings of one persona differ more than two personas do.{apart}"
        )
        + orders
    )


def _placebo_sentence(findings: Findings) -> str:
    placebo = findings.value("variance", "placebo")
    if placebo is None or placebo.get("persona_variance") is None:
        return ""
    own = findings.value("variance", "by_level", "persona", "estimate")
    compared = f", against {number(own, 3)} between real personas" if own is not None else ""
    excess = placebo.get("excess")
    beyond = (
        ""
        if excess is None
        else f" Personas exceed that by {number(excess['estimate'], 3)} "
        f"({interval(excess['ci_low'], excess['ci_high'], 3)}; p {p_value(excess['p_above_zero'])})."
    )
    return paragraph(
        f"Check: personas that say the same in other words (placebo) differ by a variance of "
        f"{number(placebo['persona_variance'], 3)}{compared}.{beyond} "
        "They are left out of everything else."
    )


def show_llms(findings: Findings) -> Fragment:
    """Show each llm on its own: how far personas move it, how steady it answers."""
    llms = tables.by_llm(findings)
    if llms.empty:
        return Fragment.of(paragraph(f"No llm on its own: {findings.reason('variance', 'by_llm')}.", "note"))
    columns = {
        "llm": "llm",
        "variant": "fine-tune",
        "persona_variance": "persona variance",
        "run_variance": "run variance",
        "ratio": "run : persona",
        "interval": "95 % interval",
        "robustness": "robustness",
        "susceptibility": "susceptibility",
        "personas": "personas",
    }
    formats = dict.fromkeys(["persona_variance", "run_variance", "ratio", "robustness", "susceptibility"], number)
    why = sorted({findings.reason("variance", f"by_llm[{row}]", "ratio") for row in llms.index[llms["ratio"].isna()]})
    gaps = f" No ratio: {'; '.join(why)}." if why else ""
    return Fragment.of(
        table(
            llms.assign(interval=[interval(low, high) for low, high in zip(llms["low"], llms["high"], strict=True)]),
            columns,
            "What personas and chance do to each llm.",
            "Variances in squared points of the response scale, averaged over items. Robustness: 1 / mean standard "
            "deviation over runs of one "
            "asking (high: it answers alike each time). Susceptibility: mean standard deviation over personas (high: "
            "personas move it far). Both only over "
            f"personas with an answer to every item, counted in the last column.{gaps}",
            formats={**formats, "personas": count, "interval": str},
            bars=("persona_variance", "ratio"),
        )
    )

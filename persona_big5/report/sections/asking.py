"""What the manner of asking does: the place of an option, and sampling an answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from persona_big5.report import tables
from persona_big5.report.fragments import Fragment, paragraph, table
from persona_big5.report.words import MINUS, count, interval, number, percent, short

if TYPE_CHECKING:
    import pandas as pd

    from persona_big5.report.findings import Findings

_RUN_NOISE = {
    "removed": "run noise is taken off",
    "absent": "expected scores bring no run noise into it",
    "included": "run noise is still in it, because each order was asked once",
}


def show_place(findings: Findings) -> Fragment:
    """Show whether answers follow the option or its place in the list."""
    biases = tables.position_bias(findings)
    if biases is None:
        return Fragment.of(paragraph(f"Not known: {findings.reason('style')}.", "note"))
    if biases.empty:
        why = findings.reason("style", "all", "position_bias")
        return Fragment.of(
            paragraph(f"Not known: {why}. A study asks both: option_order: [forward, reversed].", "note")
        )
    whole = findings.value("style", "all", "position_bias")
    return Fragment.of(
        table(
            biases.assign(interval=_intervals(biases, "")),
            {
                "scale": "scale",
                "forward": "mean, forward",
                "reversed": "mean, reversed",
                "displacement": "displacement",
                "interval": "95 % interval",
                "r": "r",
                "share": "share of the place",
                "run_share": "of run variance",
            },
            "The same options in both orders.",
            f"Mean answers as worded. Displacement: {MINUS}1 where the first option shown is always chosen, 1 where "
            "the last is, 0 where the order does not matter on average; interval over llms and personas. r: between "
            "the two orders, over respondents and items, item means removed; near 1 the option is followed, below 0 "
            "its place. Share of the place: of what answers to one item differ in, the part that turns with the order; "
            f"{_RUN_NOISE[whole['run_noise']]}. Of run variance: the part of it that the orders make. "
            f"n = {count(whole['n_cells'])} cells asked in both orders; an item counts where it was answered in both.",
            formats={
                "forward": number,
                "reversed": number,
                "displacement": number,
                "interval": str,
                "r": short,
                "share": percent,
                "run_share": percent,
            },
        )
    )


def show_probability(findings: Findings) -> Fragment:
    """Show what the probabilities of the options are like, and whether sampled answers vary as they say."""
    found = tables.probabilities(findings)
    if found.empty:
        return Fragment.of(paragraph(f"Not known: {findings.reason('probability')}.", "note"))
    return Fragment.of(
        table(
            found.assign(bounds=_bounds(found, "")),
            {
                "llm": "llm",
                "variant": "fine-tune",
                "cells": "cells",
                "fallback": "read from text",
                "mass": "mass on options",
                "entropy": "entropy",
                "bounds": "sampling variance",
                "exact": "known exactly",
            },
            "Scores from the probabilities of the options.",
            "A score is the mean of the options, each weighed by its probability as the first token of the reply. Mass "
            "on options: the probability of all options together; what is missing is the llm saying something else. "
            "Entropy, in nats: 0 where one option is certain, ln(number of options) where all are alike. Sampling "
            "variance: what drawing the answer again would add, in squared points; bounds where not all probabilities "
            "are shown. Read from text: without usable probabilities, so a sampled answer. Cells without a score are "
            "left out.",
            formats={
                "cells": count,
                "fallback": count,
                "mass": percent,
                "entropy": number,
                "bounds": str,
                "exact": percent,
            },
        ),
        _compared_with_samples(findings, found),
    )


def _compared_with_samples(findings: Findings, found: pd.DataFrame) -> str:
    if findings.value("probability", "n_cells_compared") == 0:
        why = findings.reason("probability", "observed_run_variance")
        return paragraph(f"Not compared with sampled answers: {why}.", "note")
    return table(
        found.assign(bounds=_bounds(found, "compared_"), interval=_intervals(found, "observed_")),
        {
            "llm": "llm",
            "variant": "fine-tune",
            "compared": "cells",
            "bounds": "variance by probabilities",
            "observed": "variance over runs",
            "interval": "95 % interval",
        },
        "Do sampled answers vary as the probabilities say?",
        "Cells that were also sampled at least twice, each item in a call of its own; interval over cells. More over "
        "runs: calls differ in more than the drawing of an answer. Less: runs are no independent draws (a cache, a "
        "fixed seed). Everything else on this page rests on the variance over runs, never on the one by probabilities.",
        formats={"compared": count, "bounds": str, "observed": number, "interval": str},
    )


def _intervals(frame: pd.DataFrame, prefix: str) -> list[str]:
    return [interval(low, high) for low, high in zip(frame[f"{prefix}low"], frame[f"{prefix}high"], strict=True)]


def _bounds(frame: pd.DataFrame, prefix: str) -> list[str]:
    """Write both bounds, or one number where they are written alike."""
    written = [
        (number(low), number(high)) for low, high in zip(frame[f"{prefix}low"], frame[f"{prefix}high"], strict=True)
    ]
    return [low if low == high else f"{low} to {high}" for low, high in written]

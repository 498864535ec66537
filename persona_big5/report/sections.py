"""The sections of the report: what each shows, and how to read it. The cells of the notebook call these functions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from persona_big5.report import figures, planted, tables
from persona_big5.report.asking import show_drift, show_place, show_probability
from persona_big5.report.fragments import Fragment, bullets, details, figure, paragraph, table, tiles
from persona_big5.report.words import LEVELS, count, interval, number, percent, short

if TYPE_CHECKING:
    from collections.abc import Callable

    from persona_big5.report.findings import Findings

NOT_PREDICTED = (
    "Held-out behavioural prediction is not built yet, so nothing here shows that these traits predict behaviour."
)
SIMULATED = (
    "The population is simulated: no language model answered. Every llm, fine-tune and persona effect on this page "
    "was planted by a program, "
    "to see whether the analysis finds it again."
)
_PAIRWISE = "Missing answers: each pair of items over the rows where both are answered; nothing is imputed."
_ONE_BY_ONE = "Missing answers are left out item by item; nothing is imputed."


_TRUST = {"respondent": "corrected, with run noise removed", "means": "means over runs"}
_GLOSS = (
    "An eigenvalue is how much variance one dimension takes up; a world is an artificial data set drawn anew; phi is "
    "how alike two patterns are, "
    "0 not at all, 1 the same."
)


@dataclass(frozen=True, slots=True)
class Section:
    """A heading, a line on how to read what is below it, and the function that shows it."""

    id: str
    title: str
    guide: str
    show: Callable[[Findings], Fragment]


def show_verdict(findings: Findings) -> Fragment:
    """Show the verdict, what it rests on, and what it does not say."""
    verdict, data = findings.document["verdict"], findings.document["data"]
    recommended = findings.document.get("recommended_level") or {}
    level = recommended.get("level")
    trust = f"Analysis to trust: {_TRUST.get(level, level)}" if level else "No analysis can be recommended"
    notice = paragraph(SIMULATED, "simulated") if findings.is_simulated else ""
    return Fragment.of(
        notice,
        paragraph(verdict["text"], "verdict"),
        bullets(verdict["reasons"], "It rests on"),
        paragraph(_GLOSS, "note") if any("eigenvalue" in reason for reason in verdict["reasons"]) else "",
        paragraph(f"{trust}. Why: {recommended['reason']}.") if recommended.get("reason") else "",
        paragraph(NOT_PREDICTED, "caution"),
        _key_figures(findings),
        bullets(data["warnings"], "To be minded"),
    )


def _respondents(findings: Findings) -> str:
    """How many respondents were analysed: without placebo personas, where that is known."""
    return count(findings.value("correlations", "means", "n") or findings.document["data"]["n_respondents"])


def _key_figures(findings: Findings) -> str:
    data = findings.document["data"]
    ratio = findings.value("variance", "run_to_persona_ratio", "estimate")
    counts = [findings.value("retention", level, "parallel_analysis") for level in ("pooled", "respondent")]
    pooled, corrected = (count(n) for n in counts)
    runs = data["runs_per_cell"]
    per_cell = count(runs["median"]) if runs["min"] == runs["max"] else f"{runs['min']} to {runs['max']}"
    return tiles(
        {
            "respondents (llm \N{MULTIPLICATION SIGN} fine-tune \N{MULTIPLICATION SIGN} persona)": count(
                data["n_respondents"]
            ),
            "items": count(data["n_items"]),
            "runs of each asking": per_cell,
            "run noise for each unit of persona variance": number(ratio),
            "factors in pooled rows": pooled,
            "factors with run noise removed": corrected,
        }
    )


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
            f"leaving out llms and personas in turn.{no_interval} n = {_respondents(findings)} respondents, "
            f"{count(data['n_rows'])} askings. {_ONE_BY_ONE}",
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
    return (
        paragraph(
            f"For each unit of variance that personas cause, asking again adds {number(ratio['estimate'])}{known}. "
            "Above 1, two askings of one persona differ more than two personas do."
        )
        + orders
    )


def _placebo_sentence(findings: Findings) -> str:
    placebo = findings.value("variance", "placebo")
    if placebo is None or placebo.get("persona_variance") is None:
        return ""
    own = findings.value("variance", "by_level", "persona", "estimate")
    compared = f", against {number(own, 3)} between real personas" if own is not None else ""
    return paragraph(
        f"Check: personas that say the same in other words (placebo) differ by a variance of "
        f"{number(placebo['persona_variance'], 3)}{compared}. "
        "They are left out of everything else."
    )


def show_correlations(findings: Findings) -> Fragment:
    """Show correlations of scales: pooled, corrected, within runs."""
    pairs = tables.scale_pairs(findings)
    if pairs.empty:
        return Fragment.of(paragraph(f"No pairs of scales: {findings.reason('correlations', 'pooled')}.", "note"))
    counted = ", ".join(
        f"{LEVELS[level].lower()} {count(findings.value('correlations', level, 'n'))}"
        for level in ("pooled", "respondent", "run")
        if findings.value("correlations", level) is not None
    )
    averages = ", ".join(
        f"{LEVELS[str(level)].lower()} {short(float(np.nanmean(np.abs(pairs[level, 'r']))))}"
        for level in dict.fromkeys(pairs.columns.get_level_values(0))
        if pairs[level, "r"].notna().any()
    )
    drawn = figure(
        figures.scale_correlations(findings),
        "How scales go together.",
        f"Pearson correlations of keyed scale scores; red: together, blue: opposed. n (rows): {counted}. {_PAIRWISE}",
        f"Heatmaps of scale correlations; mean absolute correlation: {averages}.",
    )
    return Fragment.of(drawn, details("All pairs with 95 % intervals", _pair_table(pairs)))


def _pair_table(pairs: pd.DataFrame) -> str:
    printed = pd.DataFrame({"pair": pairs.index})
    headings = {"pair": "scales"}
    for level in dict.fromkeys(pairs.columns.get_level_values(0)):
        printed[f"{level} r"] = pairs[level, "r"].to_numpy()
        printed[f"{level} ci"] = [
            interval(low, high) for low, high in zip(pairs[level, "low"], pairs[level, "high"], strict=True)
        ]
        headings |= {f"{level} r": LEVELS[str(level)], f"{level} ci": "interval"}
    formats = {column: short for column in headings if column.endswith(" r")} | {
        column: str for column in headings if column.endswith(" ci")
    }
    return table(printed, headings, "", formats=formats)


def show_factors(findings: Findings) -> Fragment:
    """Show eigenvalues against chance, and how many factors are counted."""
    counts = tables.factor_counts(findings)
    if counts.empty:
        return Fragment.of(paragraph(f"No level could be analysed: {findings.reason('retention', 'pooled')}.", "note"))
    draws = findings.value("provenance", "settings", "draws")
    spoken = "; ".join(
        f"{row.level}: {row.parallel_analysis} of {row.units} units" for row in tables.named_rows(counts)
    )
    return Fragment.of(
        figure(
            figures.scree(findings),
            "How many factors are more than chance.",
            f"Beside each title: how many are counted. Solid: eigenvalues of the correlation matrix, the first 14; "
            f"dashed: 95th percentile of {draws} worlds of the same size and variances "
            "without any factor. A filled point is counted: it and all before it lie above the dashed line. A "
            "noise-corrected matrix can have "
            f"negative eigenvalues. {_PAIRWISE}",
            f"Scree plots; factors counted: {spoken}.",
        ),
        details(
            "Number of factors at every level",
            table(
                counts,
                {
                    "level": "level",
                    "units": "n",
                    "variables": "of",
                    "parallel_analysis": "parallel analysis",
                    "map": "minimum average partial",
                },
                "",
                "Parallel analysis counts eigenvalues above chance; minimum average partial (MAP) is a second "
                "opinion where it is defined.",
                formats={"units": count, "parallel_analysis": count, "map": count},
            ),
        ),
    )


def show_loadings(findings: Findings) -> Fragment:
    """Show what the factors are made of, pooled beside corrected."""
    levels = ("pooled", "respondent")
    found = {level: tables.loadings(findings, level) for level in levels}
    if all(loadings is None for loadings in found.values()):
        why = findings.reason("factors", "respondent", "loadings")
        return Fragment.of(paragraph(f"No loadings to show: {why}.", "note"))
    dropped = [row["item"] for row in findings.document["data"]["dropped_items"]]
    left_out = f" {len(set(dropped))} items are left out at some level (see the last sections)." if dropped else ""
    heywood = [
        f"{LEVELS[level].lower()}: {', '.join(map(str, items))}"
        for level in levels
        if (items := findings.value("factors", level, "heywood"))
    ]
    impossible = (
        f" More variance than an item has (Heywood case), to be read with care: {'; '.join(heywood)}."
        if heywood
        else ""
    )
    return Fragment.of(
        figure(
            figures.loadings(findings),
            "What the factors are made of.",
            "Loadings (minres, oblimin): how strongly an item goes with a factor, \N{MINUS SIGN}1 to 1. Items are "
            "sorted by scale; reversed items "
            f"(marked \N{MINUS SIGN}) are turned round, so that a trait shows as one warm block. Columns are in the "
            f"order of the scales; F1, F2 … are "
            f"numbered as in analysis.json. {_PAIRWISE}{left_out}{impossible}",
            "Heatmaps of factor loadings by item, pooled rows beside run noise removed; the numbers are in the table "
            "below.",
        ),
        details(
            "Loadings in raw direction, as the items are worded", *(_raw_loadings(findings, level) for level in levels)
        ),
    )


def _raw_loadings(findings: Findings, level: str) -> str:
    raw = tables.loadings(findings, level, raw_direction=True)
    if raw is None:
        return ""
    known, factors = tables.scale_and_key(findings, list(raw.index)), list(map(str, raw.columns))
    printed = raw.assign(
        item=raw.index, scale=known["scale"], keyed=["+" if key > 0 else "\N{MINUS SIGN}" for key in known["keyed"]]
    )
    return table(
        printed,
        {"item": "item", "scale": "scale", "keyed": "key", **{factor: factor for factor in factors}},
        f"{LEVELS[level]}.",
        formats=dict.fromkeys(factors, short),
    )


def show_planted(findings: Findings) -> Fragment:
    """Show what was planted beside what was recovered; only simulated studies have it."""
    recoveries = {level: planted.recover(findings, level) for level in planted.COMPARED}
    if findings.truth is None or all(recovery is None for recovery in recoveries.values()):
        return Fragment.of(paragraph("Nothing to compare: the planted items have no loadings at any level.", "note"))
    factors = findings.truth["factors"]
    errors = {level: short(planted.trait_correlation_error(findings, level)) for level in planted.COMPARED}
    summary = [
        {"what": "number of factors", "planted": str(len(factors)), **_each(recoveries, lambda r: str(r.n_factors))},
        *(
            {
                "what": f"congruence: {factor}",
                "planted": short(1.0),
                **_each(recoveries, lambda r, f=factor: short(r.phi[f])),
            }
            for factor in factors
        ),
        {"what": "mean error of trait correlations", "planted": short(0.0), **errors},
    ]
    components = planted.trait_components(findings)
    return Fragment.of(
        table(
            pd.DataFrame(summary),
            {
                "what": "",
                "planted": "planted",
                "pooled": LEVELS["pooled"].lower(),
                "respondent": LEVELS["respondent"].lower(),
            },
            "Planted against recovered.",
            "Congruence (Tucker's \N{GREEK SMALL LETTER PHI}): 1 is the same factor, from .95 up counts as equal, "
            "below .85 as another one; each planted "
            "factor is matched with one recovered factor, so that the sum is largest.",
            formats={"planted": str, "pooled": str, "respondent": str},
        ),
        figure(
            figures.planted_loadings(findings),
            "Loadings, planted and recovered.",
            "One point for each item and matched factor; on the dashed line both are equal. Planted loadings are "
            "standardised as a correlation matrix "
            f"of that level would have them, before answers are cut into options. n = {_respondents(findings)} "
            f"respondents. {_PAIRWISE}",
            "Scatter plots of recovered against planted loadings, pooled rows beside run noise removed.",
        ),
        ""
        if components.empty
        else figure(
            figures.planted_components(findings),
            "Where trait variance comes from, planted and estimated.",
            "Open diamonds: shares planted in the population; filled ones: shares in the trait values that these few "
            "llms and personas happened to get. "
            "Points: mean over the planted traits of the estimated shares (G study of each scale, items random), "
            "with the 95 % interval over these "
            f"{len(factors)} traits (Student's t). {_ONE_BY_ONE}",
            "Planted and estimated shares of trait variance: "
            + "; ".join(
                f"{row.effect} {percent(row.planted)} planted, {percent(row.estimated)} estimated"
                for row in tables.named_rows(components)
            )
            + ".",
        ),
    )


def _each(recoveries: dict[str, planted.Recovery | None], tell: Callable[..., str]) -> dict[str, str]:
    return {level: short(None) if recovery is None else tell(recovery) for level, recovery in recoveries.items()}


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
        "robustness": "robustness",
        "susceptibility": "susceptibility",
        "personas": "personas",
    }
    formats = dict.fromkeys(["persona_variance", "run_variance", "ratio", "robustness", "susceptibility"], number)
    why = sorted({findings.reason("variance", f"by_llm[{row}]", "ratio") for row in llms.index[llms["ratio"].isna()]})
    gaps = f" No ratio: {'; '.join(why)}." if why else ""
    return Fragment.of(
        table(
            llms,
            columns,
            "What personas and chance do to each llm.",
            "Variances in squared points of the response scale, averaged over items. Robustness: 1 / mean standard "
            "deviation over runs of one "
            "asking (high: it answers alike each time). Susceptibility: mean standard deviation over personas (high: "
            "personas move it far). Both only over "
            f"personas with an answer to every item, counted in the last column.{gaps}",
            formats={**formats, "personas": count},
            bars=("persona_variance", "ratio"),
        )
    )


def show_scales(findings: Findings) -> Fragment:
    """Show how reliable each scale is, and how much of it may be agreeing with anything."""
    scales = tables.reliability(findings)
    scales["reversed"] = [f"{row.reversed} of {row.items}" for row in tables.named_rows(scales)]
    one_sided = [row.scale for row in tables.named_rows(scales) if row.reversed.startswith("0 ")]
    pieces = [
        table(
            scales,
            {
                "scale": "scale",
                "reversed": "reversed items",
                "alpha": "alpha",
                "r_positive_negative": "r (positive, negative)",
                "g": "g",
            },
            "Reliability of scales.",
            "Alpha: consistency of the items' means over runs. r (positive, negative): correlation of the mean "
            "answers to forward and to reversed "
            "items as worded; near \N{MINUS SIGN}1 the scale measures its content, near 0 or above it measures "
            "agreeing. g: share of the differences between "
            f"respondents that would be found again with other items and runs. n = {_respondents(findings)} "
            f"respondents. {_ONE_BY_ONE}",
            formats={"reversed": str, "alpha": short, "r_positive_negative": short, "g": short},
        )
    ]
    if one_sided:
        pieces.append(
            paragraph(
                f"No reversed items: {', '.join(one_sided)}. There alpha cannot tell a trait from agreeing with "
                f"everything.",
                "note",
            )
        )
    style = tables.response_style(findings)
    if style is None:
        pieces.append(paragraph(f"Response style is not shown: {findings.reason('style')}.", "note"))
    else:
        pieces.append(
            table(
                style.assign(share_of_variance=style["share_of_variance"]),
                {
                    "scale": "scale",
                    "mean": "agreeing, mean",
                    "sd": "agreeing, SD",
                    "share_of_variance": "share of variance",
                    "extremity": "extreme answers",
                },
                "Response style.",
                "Agreeing: mean answer to forward and reversed items together, 0 is the middle of the response scale "
                "and 1 its end; SD over "
                "respondents; share: how much of what respondents differ in it is. Extreme answers: the share at "
                "either end.",
                formats={"mean": number, "sd": number, "share_of_variance": percent, "extremity": percent},
            )
        )
    return Fragment.of(*pieces)


def show_data(findings: Findings) -> Fragment:
    """Show what was asked, and what became of it."""
    data = findings.document["data"]
    dropped = pd.DataFrame(data["dropped_items"], columns=["item", "reason"])
    design = {
        "shared": "shared by the items of a session",
        "isolated": "each item asked on its own",
        "unknown": "not recorded, treated as shared",
    }
    facts = {
        "llms": data["n_llms"],
        "llms and their fine-tunes": data["n_variants"],
        "personas": data["n_personas"],
        "contexts": data["n_contexts"],
        "items": data["n_items"],
        "askings": data["n_rows"],
    }
    placebo = data.get("placebo_personas") or []
    return Fragment.of(
        tiles({what: count(n) for what, n in facts.items()}),
        paragraph(f"Sessions: {design.get(data['session_design'], data['session_design'])}."),
        paragraph(f"Placebo personas, left out of everything but their own check: {', '.join(map(str, placebo))}.")
        if placebo
        else "",
        table(
            tables.states(findings),
            {"state": "state", "count": "askings", "share": "share", "meaning": "meaning"},
            "What became of each asking.",
            "Only answered ones have a score. The others are missing answers, not zeros, and are seldom "
            "missing at random.",
            formats={"count": count, "share": lambda share: number(100 * share, 1) + "\N{NARROW NO-BREAK SPACE}%"},
        ),
        details(f"Items left out at some level ({len(dropped)})", table(dropped, {"item": "item", "reason": "why"}, ""))
        if len(dropped)
        else paragraph("No item was left out."),
    )


def show_missing(findings: Findings) -> Fragment:
    """Show what this report does not have, and why."""
    not_built = tables.not_built(findings)
    why = tables.missing(findings)
    return Fragment.of(
        paragraph(f"Not built yet in this version: {', '.join(not_built)}.") if not_built else "",
        table(
            why,
            {"reason": "why", "where": "where", "values": "values"},
            "Not estimable here.",
            "Each reason with the numbers it leaves empty.",
            formats={"values": count},
        )
        if len(why)
        else paragraph("Everything else could be estimated."),
    )


def show_provenance(findings: Findings) -> Fragment:
    """Show what made these numbers."""
    return Fragment.of(
        table(tables.provenance(findings), {"what": "", "value": ""}, "How to get these numbers again."),
        paragraph(f"Variance by {findings.value('variance', 'method')}.")
        if findings.value("variance", "method")
        else "",
    )


SECTIONS = (
    Section(
        "verdict",
        "The answer so far",
        "One sentence, the evidence it was weighed from, and what it does not say.",
        show_verdict,
    ),
    Section(
        "variance",
        "How much is what",
        "Longer bars matter more. What personas do is the signal; the hatched bar is what changes when the very same "
        "question is asked again.",
        show_variance,
    ),
    Section(
        "correlations",
        "Which scales go together",
        "Left is what a naive analysis sees, in the middle what is left once run noise is taken out, right what "
        "moves together within a run only. "
        "A pattern that is on the left and on the right but not in the middle is mood, not trait.",
        show_correlations,
    ),
    Section(
        "factors",
        "How many dimensions",
        "A factor counts if its point lies above the dashed line of chance. If pooled rows and corrected disagree, "
        "run noise made or hid factors.",
        show_factors,
    ),
    Section(
        "loadings",
        "What the dimensions are",
        "A good factor is one warm block: all items of one scale, and little else in its column. Blue, with "
        "minus signs, are items that go against their key.",
        show_loadings,
    ),
    Section(
        "planted",
        "Planted against recovered",
        "This population is simulated, so the truth is known. The corrected analysis should lie on it; the pooled "
        "one need not.",
        show_planted,
    ),
    Section(
        "llms",
        "Each llm on its own",
        "Does a persona move this llm, and does it answer alike when asked again? A run : persona ratio above 1 "
        "means mostly noise.",
        show_llms,
    ),
    Section(
        "scales",
        "Can the scales be trusted",
        "Never read alpha alone: without reversed items it is high for anyone who agrees with everything.",
        show_scales,
    ),
    Section(
        "place",
        "The option or its place",
        "A small model may choose the first option whatever it says. Asked with the options in both orders it is found "
        "out: its mean answer turns round with them.",
        show_place,
    ),
    Section(
        "probability",
        "Probabilities of the options",
        "Where the llm shows them, probabilities say in one call what many samples would: the mean answer, and how "
        "much answers would vary.",
        show_probability,
    ),
    Section(
        "drift",
        "From the start to the end",
        "The same items, asked again later. If their mean moves, answers hang on what was said before, or on the time.",
        show_drift,
    ),
    Section("data", "What was asked and answered", "Everything that was planned is in one of these states.", show_data),
    Section("missing", "What is missing and why", "An empty number has a reason; nothing was filled in.", show_missing),
    Section("provenance", "Provenance", "The same data, seed and versions give the same numbers.", show_provenance),
)


def sections_of(findings: Findings) -> tuple[Section, ...]:
    """Return the sections of a folder's report: what only some studies have is left out of the others' reports."""
    has = {
        "planted": findings.is_simulated,
        "probability": findings.value("probability") is not None,
        "drift": findings.value("drift") is not None,
    }
    return tuple(section for section in SECTIONS if has.get(section.id, True))

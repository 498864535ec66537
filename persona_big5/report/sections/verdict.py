"""The answer in one sentence, what it rests on, and what it does not say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from persona_big5.report.fragments import Fragment, bullets, paragraph, tiles
from persona_big5.report.words import LEVELS, count, interval, number, p_value, percent

if TYPE_CHECKING:
    from persona_big5.report.findings import Findings

NOT_PREDICTED = (
    "Held-out behavioural prediction is not built yet, so nothing here shows that these traits predict behaviour."
)
SIMULATED = (
    "The population is simulated: no language model answered. Every llm, fine-tune and persona effect on this page "
    "was planted by a program, to see whether the analysis finds it again."
)
_TRUST = {"respondent": "corrected, with run noise removed", "means": "means over runs"}
_GLOSS = (
    "An eigenvalue is how much variance one dimension takes up; a world is an artificial data set drawn anew; phi is "
    "how alike two patterns are, 0 not at all, 1 the same."
)
P_EQUAL = 0.05


def show_verdict(findings: Findings) -> Fragment:
    """Show the verdict, the short answers to the questions of this page, and what they do not say."""
    verdict, data = findings.document["verdict"], findings.document["data"]
    recommended = findings.document.get("recommended_level") or {}
    level = recommended.get("level")
    trust = f"Analysis to trust: {_TRUST.get(level, level)}" if level else "No analysis can be recommended"
    predicted = findings.value("prediction") is not None
    return Fragment.of(
        paragraph(SIMULATED, "simulated") if findings.is_simulated else "",
        paragraph(verdict["text"], "verdict"),
        bullets(verdict["reasons"], "It rests on"),
        paragraph(_GLOSS, "note") if any("eigenvalue" in reason for reason in verdict["reasons"]) else "",
        paragraph(f"{trust}. Why: {recommended['reason']}.") if recommended.get("reason") else "",
        "" if predicted else paragraph(NOT_PREDICTED, "caution"),
        _key_figures(findings),
        bullets(_in_short(findings), "In short"),
        bullets(data["warnings"], "To be minded"),
    )


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
            **({} if ratio is None else {"run noise for each unit of persona variance": number(ratio)}),
            "factors in pooled rows": pooled,
            "factors with run noise removed": corrected,
        }
    )


def _in_short(findings: Findings) -> list[str]:
    """Answer each question in one line, as far as there is an answer."""
    before, after = (
        findings.value("retention", level, "parallel_analysis") for level in ("respondent", "respondent_without_style")
    )
    style = None if before is None or after is None else f"{before} dimensions before, {after} after agreement is out"
    said = {
        "Run noise against personas": _noise(findings),
        "How sure is the number of dimensions": _halves(findings),
        "Is it agreeing with everything": style,
        "Does it come back in other llms and personas": findings.value("replication", "reading"),
        "Is it only how the items are worded": findings.value("semantic", "reading"),
        "Missing answers": _unanswered(findings),
    }
    return [f"{question}: {answer}." for question, answer in said.items() if answer]


def _noise(findings: Findings) -> str | None:
    ratio = findings.value("variance", "run_to_persona_ratio")
    p = findings.value("variance", "run_to_persona_ratio", "p_equal_one")
    if ratio is None or ratio["estimate"] is None or p is None:
        return None
    told = "differs from 1" if p < P_EQUAL else "cannot be told from 1"
    ends = interval(ratio["ci_low"], ratio["ci_high"])
    return (
        f"ratio {number(ratio['estimate'])} ({ends}), which {told} (test that both variances are equal: "
        f"p {p_value(p)}); at 1 two askings differ as two personas do"
    )


def _halves(findings: Findings) -> str | None:
    level = findings.reported_level
    halves = findings.value("retention", level, "halves")
    if not halves:
        return None
    k, share = max(halves.items(), key=lambda one: one[1])
    named = LEVELS.get(level, level).lower()
    return f"{percent(share)} of random halves of the respondents have {k} ({named})"


def _unanswered(findings: Findings) -> str | None:
    share = findings.value("missingness_bounds", "share_missing")
    return None if share is None else f"{number(100 * share, 1)} % of what was asked, and not at random"

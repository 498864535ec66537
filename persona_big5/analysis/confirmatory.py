"""The keyed scales as a stated model, at the levels of respondents and of runs at once, and how each level fits."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from persona_big5.analysis.answers import RESPONDENT
from persona_big5.analysis.document import Missing
from persona_big5.errors import NotEstimableError
from persona_big5.factors.confirmatory import Measurement, confirm_two_level

if TYPE_CHECKING:
    from collections.abc import Callable

    from persona_big5.analysis.answers import Answers, ItemInfo
    from persona_big5.factors.confirmatory.indices import Indices
    from persona_big5.factors.confirmatory.solution import Estimates
    from persona_big5.factors.confirmatory.two_level import Level, TwoLevelConfirmation
    from persona_big5.variance.groups import FloatArray

MOST_ITEMS = 60
"""Items for which the fit takes at most a few seconds; more only where they are asked for."""
FEWEST_ITEMS = 3
"""Of a scale: fewer do not identify a factor by themselves."""
UNKNOWN_SCALE = "all"
ESTIMATES = (
    "factors", "loadings", "loadings_se", "factor_correlations", "factor_correlations_se", "residual_variances",
    "heywood",
)  # fmt: skip
NOT_CONVERGED = "the search did not converge: the stated model has no stable solution for these answers"
NO_ERRORS = "the information matrix has no inverse: the answers leave parameters of the model open"
NO_VARIANCE = Missing("the item's variance at this level is estimated as 0 or negative")
DEPENDENT = (
    "respondents that share an llm or a persona are taken as independent: with few of either, p is too small and the "
    "intervals are too narrow"
)


def stated_scales(items: ItemInfo) -> tuple[dict[str, list[str]], list[str]]:
    """Name the items of every scale that can be stated as a factor, and say in words which cannot."""
    stated = {scale: [items.names[i] for i in items.members(scale)] for scale in items.scales if scale != UNKNOWN_SCALE}
    few = {scale: names for scale, names in stated.items() if len(names) < FEWEST_ITEMS}
    left_out = [
        f"scale {scale} is left out: {len(names)} items do not identify a factor" for scale, names in few.items()
    ]
    return {scale: names for scale, names in stated.items() if scale not in few}, left_out


def confirmatory_entry(
    answers: Answers, *, any_size: bool = False, progress: Callable[[str], None] = lambda _: None
) -> dict[str, Any] | Missing:
    """``confirmatory``: two-level maximum likelihood of the keyed scales as stated loadings.

    The levels are respondents, and what varies within a respondent (runs, and contexts and wordings where there are
    several). Where the items of a run do not share a session their errors are stated as uncorrelated at that level.
    Rows with a missing answer are left out.

    Parameters
    ----------
    answers
        Without placebo personas.
    any_size
        Fit more than ``MOST_ITEMS`` items too, which takes a minute or more.
    progress
        Called with a short sentence when a step begins.

    Returns
    -------
    ``scales {scale: [items]}, n_respondents, n_rows, rows_per_respondent {min, max}, fit`` (of both levels), and
    ``levels`` with ``respondent`` and ``run``: ``fit`` (of this level alone, the other one saturated), ``factors``,
    standardised ``loadings {item: {scale: number}}`` with ``loadings_se``, ``factor_correlations,
    factor_correlations_se, residual_variances {item: number}, heywood``; and ``warnings``. Missing, with the reason,
    where it cannot be had. Estimates are of both levels together or, where that search did not converge (then ``fit``
    is Missing), of the level alone.
    """
    stated, warnings = stated_scales(answers.items)
    if not stated:
        return Missing(f"no scale of at least {FEWEST_ITEMS} items is stated for these items")
    n_items = sum(map(len, stated.values()))
    if n_items > MOST_ITEMS and not any_size:
        return Missing(f"{n_items} items: more than {MOST_ITEMS} take long and are fitted only on demand (--confirm)")
    if answers.count(RESPONDENT) == len(answers.scores):
        return Missing("every cell was asked once: run noise cannot be told from the respondent")
    if answers.count(RESPONDENT) <= n_items:
        return Missing(f"{answers.count(RESPONDENT)} respondents for {n_items} items: more respondents are needed")
    scales = Measurement(stated)
    isolated = answers.session_design == "isolated"
    try:
        found = confirm_two_level(
            answers.scores * answers.items.keyed,
            answers.respondent,
            within=Measurement({}) if isolated else scales,
            between=scales,
            items=answers.items.names,
            progress=progress,
        )
    except NotEstimableError as error:
        return Missing(_in_our_words(str(error)))
    varied = [facet.column for facet in answers.facets if facet.column in ("context", "wording")]
    if varied:
        warnings.append(f"level run includes what {' and '.join(varied)} change: they count as runs")
    if isolated:
        warnings.append("items were asked one by one: at level run they are stated as uncorrelated")
    if found.n_rows < len(answers.scores):
        warnings.append(f"{len(answers.scores) - found.n_rows} of {len(answers.scores)} runs lack an answer: left out")
    if len({facet.column for facet in answers.facets} & set(RESPONDENT)) > 1:
        warnings.append(DEPENDENT)
    return _entry(found, stated, [*warnings, *map(_in_our_words, found.warnings)])


def _in_our_words(said: str) -> str:
    """Clusters are respondents, and rows runs."""
    said = said.replace("within clusters", "between the runs of a respondent").replace("clusters", "respondents")
    return said.replace("rows", "runs")


def _entry(found: TwoLevelConfirmation, stated: dict[str, list[str]], warnings: list[str]) -> dict[str, Any]:
    return {
        "scales": stated,
        "n_respondents": found.n_clusters,
        "n_rows": found.n_rows,
        "rows_per_respondent": dict(zip(("min", "max"), found.cluster_sizes, strict=True)),
        "fit": Missing(NOT_CONVERGED) if found.fit is None else fit_of(found.fit),
        "levels": {"respondent": _level_entry(found.between), "run": _level_entry(found.within)},
        "warnings": warnings,
    }


def fit_of(fit: Indices) -> dict[str, Any]:
    """Every index, those that are not defined with their reason."""
    numbers = asdict(fit)
    reasons = numbers.pop("reasons")
    return {name: Missing(reasons[name]) if name in reasons else value for name, value in numbers.items()}


def _level_entry(level: Level) -> dict[str, Any]:
    found = level.estimates
    fit: dict[str, Any] | Missing = Missing(NOT_CONVERGED) if level.fit is None else fit_of(level.fit)
    if found is None:
        return {"fit": fit, **dict.fromkeys(ESTIMATES, Missing(NOT_CONVERGED))}
    errors, between = found.standardised_se, found.factor_correlations_se
    values = (
        list(found.factors),
        _by_item(found, found.standardised),
        Missing(NO_ERRORS) if errors is None else _by_item(found, errors),
        found.factor_correlations,
        Missing(NO_ERRORS) if between is None else between,
        dict(zip(found.items, found.residual_variances.tolist(), strict=True)),
        list(found.heywood),
    )
    return {"fit": fit, **dict(zip(ESTIMATES, values, strict=True))}


def _by_item(found: Estimates, values: FloatArray) -> dict[str, dict[str, float | Missing]]:
    """Stated loadings only, by item and factor."""
    return {
        item: {
            factor: NO_VARIANCE if np.isnan(values[i, j]) else float(values[i, j])
            for j, factor in enumerate(found.factors)
            if found.loadings[i, j] != 0
        }
        for i, item in enumerate(found.items)
    }

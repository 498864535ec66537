"""Two personas inside one: do the runs of one respondent fall into two heaps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from statsmodels.stats.multitest import multipletests

from persona_big5.analysis.document import Missing
from persona_big5.validity.mixtures import FEWEST_RUNS, MOST_DRAWS, Mixtures, grid_step, judge_mixtures, uniform_dip_p
from persona_big5.variance.groups import distinct_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from persona_big5.analysis.answers import Answers
    from persona_big5.variance.groups import FloatArray, IntArray

UNIT = "runs of one respondent in one context, wording and option order; keyed mean of the items of one scale"
FALSE_DISCOVERIES = 0.05
MOST_COMPOSITES = 2500
CONSTANT = 1e-9


@dataclass(frozen=True, slots=True)
class _Composites:
    """Scale scores (m, n) of n runs of each of m units, all of one scale."""

    scale: str
    unit: IntArray
    scores: FloatArray
    step: float
    ends: tuple[float, float]


def mixtures_entry(
    answers: Answers, *, draws: int = MOST_DRAWS, seed: int = 0, progress: Callable[[str], None] = lambda _: None
) -> dict[str, Any] | Missing:
    """``mixtures``: whether a respondent's scale scores have two modes over its runs, judged for all at once.

    Parameters
    ----------
    answers
        Placebo personas left out. Missing rule: a run counts for a scale where all its items were answered. Conditions
        other than context, wording and option order (format, occasion, wave ...) count as runs, as everywhere.
    draws, seed, progress
        See ``judge_mixtures``.

    Returns
    -------
    entry
        A composite is ``flagged`` where both the dip and the mixture reject one component, with false discoveries held
        at 5 % over all composites (Benjamini & Hochberg on the larger of the two p-values): not normal alone is no
        second persona. ``by_dip`` and ``by_mixture`` are what each alone would flag, ``by_naive_bic`` what a comparison
        of BICs would. ``composites`` lists those that either test rejects at p < .05. Missing where no respondent has
        40 runs alike.
    """
    unit, first = _units(answers)
    found = list(_composites(answers, unit))
    tested = [one for one in found if one.scores.shape[1] >= FEWEST_RUNS and len(one.unit)]
    if not tested:
        most = int(np.bincount(unit).max())
        return Missing(
            f"cannot be decided: at most {most} runs of one respondent in one condition (with scores that differ), and "
            f"{FEWEST_RUNS} are needed"
        )
    tested, warnings = _sampled(tested, seed)
    judged: list[Mixtures] = []
    for number, one in enumerate(tested):
        low, high = one.ends
        judged.append(
            judge_mixtures(
                one.scores, step=one.step, low=low, high=high, draws=draws, seed=seed + number, progress=progress
            )
        )
    dip_p, ratio_p = (np.concatenate([getattr(one, name) for one in judged]) for name in ("dip_p", "ratio_p"))
    ratio = np.concatenate([one.two.ratio for one in judged])
    runs = np.concatenate([np.full(len(one.unit), one.scores.shape[1]) for one in tested])
    flagged = _discoveries(np.maximum(dip_p, ratio_p))
    return {
        "unit": UNIT,
        "n_tested": len(flagged),
        "n_too_few_runs": sum(len(one.unit) for one in found if one.scores.shape[1] < FEWEST_RUNS),
        "fewest_runs": FEWEST_RUNS,
        "false_discovery_rate": FALSE_DISCOVERIES,
        "flagged": int(flagged.sum()),
        "by_dip": int(_discoveries(dip_p).sum()),
        "by_mixture": int(_discoveries(ratio_p).sum()),
        "by_naive_bic": int((ratio > 2 * np.log(runs)).sum()),
        "composites": _listed(answers, first, tested, judged, flagged),
        "warnings": warnings,
    }


def _units(answers: Answers) -> tuple[IntArray, IntArray]:
    """Code the combinations of cell and option order (N,), and find the first row of each."""
    _, order = np.unique(answers.option_order.astype(str), return_inverse=True)
    unit, _ = distinct_rows(np.column_stack([answers.codes, order]))
    _, first = np.unique(unit, return_index=True)
    return unit, first


def _composites(answers: Answers, unit: IntArray) -> Iterator[_Composites]:
    """Scale scores of units by scale and number of runs, those that never differ left out."""
    items, keyed = answers.items, answers.keyed_scores
    for scale in items.scales:
        members = items.members(scale)
        scores = keyed[:, members].mean(axis=1)  # NaN where an item is missing
        known = np.flatnonzero(np.isfinite(scores))
        runs = np.bincount(unit[known], minlength=int(unit.max()) + 1)
        ends = (-np.inf, np.inf)
        if answers.ends_known:
            ends = float(items.score_min[members].mean()), float(items.score_max[members].mean())
        step = grid_step(scores)
        for n in np.unique(runs[runs > 1]):
            rows = known[runs[unit[known]] == n]
            rows = rows[np.argsort(unit[rows], kind="stable")].reshape(-1, n)
            differs = np.ptp(scores[rows], axis=1) > CONSTANT
            yield _Composites(scale, unit[rows[differs, 0]], scores[rows[differs]], step, ends)


def _sampled(tested: list[_Composites], seed: int) -> tuple[list[_Composites], list[str]]:
    total = sum(len(one.unit) for one in tested)
    if total <= MOST_COMPOSITES:
        return tested, []
    chosen = np.zeros(total, dtype=bool)
    chosen[np.random.default_rng(seed).choice(total, MOST_COMPOSITES, replace=False)] = True
    parts = np.split(chosen, np.cumsum([len(one.unit) for one in tested])[:-1])
    kept = [
        _Composites(one.scale, one.unit[part], one.scores[part], one.step, one.ends)
        for one, part in zip(tested, parts, strict=True)
        if part.any()
    ]
    return kept, [f"a random sample of {MOST_COMPOSITES:,} of {total:,} composites is tested"]


def _discoveries(p: FloatArray) -> np.ndarray[Any, np.dtype[np.bool_]]:
    return np.asarray(multipletests(p, FALSE_DISCOVERIES, method="fdr_bh")[0], dtype=bool)


def _listed(
    answers: Answers, first: IntArray, tested: list[_Composites], judged: list[Mixtures], flagged: np.ndarray[Any, Any]
) -> list[dict[str, Any]]:
    rows = []
    place = 0
    for one, found in zip(tested, judged, strict=True):
        uniform_p = uniform_dip_p(found.dip, one.scores.shape[1])
        for i, unit in enumerate(one.unit):
            row = first[unit]
            if min(found.dip_p[i], found.ratio_p[i]) < FALSE_DISCOVERIES:
                rows.append(
                    {
                        **answers.names(answers.codes[row]),
                        "option_order": str(answers.option_order[row]),
                        "scale": one.scale,
                        "runs": one.scores.shape[1],
                        "flagged": bool(flagged[place + i]),
                        "dip": found.dip[i],
                        "dip_p": found.dip_p[i],
                        "dip_p_uniform": uniform_p[i],
                        "likelihood_ratio": found.two.ratio[i],
                        "likelihood_ratio_p": found.ratio_p[i],
                        "means": found.two.mean[i],
                        "sd": found.two.sd[i, 0],
                        "share_of_upper": found.two.share[i],
                    }
                )
        place += len(one.unit)
    return rows

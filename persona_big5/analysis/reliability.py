"""Reliability of each scale: within its items, over runs and over waves, always beside r(positive, negative)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ParamSpec

import numpy as np
import pandas as pd

from persona_big5.analysis import document
from persona_big5.analysis.answers import RESAMPLED, RESPONDENT, is_placebo
from persona_big5.analysis.document import Missing
from persona_big5.analysis.missing import or_missing
from persona_big5.errors import NotEstimableError
from persona_big5.factors.correlation import correlation_of
from persona_big5.factors.smoothing import nearest_correlation
from persona_big5.validity.icc import one_way_icc, two_way_icc
from persona_big5.validity.leave_out import coefficient_interval
from persona_big5.validity.multilevel import multilevel_reliability
from persona_big5.validity.omega import Omega, omega, omegas_of_resamples
from persona_big5.validity.reliability import alpha_of, mean_of_answered, ordinal_alpha, r_positive_negative
from persona_big5.validity.retest import retest
from persona_big5.validity.split_half import SplitHalf, mean_split_half, split_half
from persona_big5.variance.covariance import pairwise_covariance

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from persona_big5.analysis.answers import Answers
    from persona_big5.variance.groups import FloatArray, IntArray
    from persona_big5.variance.gstudy import DecisionStudy, GStudy

    Coefficients = Callable[[NDArray[np.bool_]], FloatArray]

P = ParamSpec("P")
TWO_RUNS = 2
NO_FRAME = Missing("the long table was not given")
NOT_RESAMPLED = (
    "neither llms nor personas have at least 4 levels to resample, or the coefficient cannot be had without some"
)
_SMALLEST_ERROR = 1e-12


def reliability_entries(
    answers: Answers,
    studies: Mapping[str, tuple[GStudy, DecisionStudy] | str],
    frame: pd.DataFrame | None = None,
    *,
    seed: int = 0,
    progress: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """``reliability`` by scale.

    ``reliability_entries(answers, studies, frame, seed=seed, progress=progress)`` in ``analyze_table``, ``frame`` being
    the long table from which ``answers`` were laid out.

    Parameters
    ----------
    answers
        Alpha, omega and split halves are of respondents' means over runs, items keyed, covariances pairwise complete;
        ordinal alpha of each respondent's first answers; ICC and retest of scale scores run by run (mean of the answers
        given), the runs of a respondent in all its contexts and wordings.
    studies
        G study by scale, or why there is none.
    frame
        For what its waves say; other columns than those of the key are not read.
    seed
        Of what is dealt or split at random.
    progress
        Called with a short sentence when a scale begins.

    Returns
    -------
    entry
        Numbers, each interval ``[low, high]`` (95 %, over llms and personas: ``coefficient_interval``) or missing with
        its reason. ``omega_factors``: 3 with a general one above them, or 1. ``multilevel``: occasions are the runs in
        their order; what an item is to one respondent in all runs is no change.
    """
    respondents = answers.respondent_means(answers.scores)
    levels = {facet: _of_respondents(answers, answers.code(facet)) for facet in RESAMPLED}
    entries: dict[str, Any] = {}
    for scale in answers.items.scales:
        progress(f"reliability of {scale}")
        members = answers.items.members(scale)
        keyed = answers.items.keyed[members]
        r = r_positive_negative(respondents[:, members], keyed.astype(np.int64))
        study = studies[scale]
        runs = _by_run(answers, mean_of_answered(answers.keyed_scores[:, members]))
        entries[scale] = {
            **_of_items(respondents[:, members] * keyed, levels, seed),
            "ordinal_alpha": or_missing(ordinal_alpha, _first_answers(answers, members)),
            "g": Missing(study) if isinstance(study, str) else study[0].coefficients.g_coefficient,
            "icc": _icc_entry(runs, levels, seed),
            "retest_runs": _retest_entry(runs, levels, seed, "one run per respondent"),
            "retest_waves": NO_FRAME if frame is None else _waves_entry(frame, answers, members, seed),
            "multilevel": _multilevel_entry(answers, members),
            "n_items": len(members),
            "n_reversed": int((keyed < 0).sum()),
            "r_positive_negative": Missing(document.KEYED_ALIKE) if r is None else r,
        }
    return entries


def _of_items(keyed_means: FloatArray, levels: Mapping[str, IntArray], seed: int) -> dict[str, Any]:
    """Say what the items of a scale tell: alpha, omega and split halves of respondents' means (respondents, items)."""
    covariance = pairwise_covariance(keyed_means)
    halves = or_missing(_split_half, covariance, seed)
    model = or_missing(_omega, covariance, seed)
    estimates: dict[str, float | Missing] = {
        "alpha": or_missing(alpha_of, covariance),
        "split_half": halves if isinstance(halves, Missing) else halves.mean,
        "omega_total": model if isinstance(model, Missing) else model.total,
        "omega_hierarchical": model if isinstance(model, Missing) else _general(model),
    }

    def coefficients(marks: NDArray[np.bool_]) -> FloatArray:
        covariances = [pairwise_covariance(keyed_means[kept]) for kept in marks]
        found = np.full((len(marks), 4), np.nan)
        found[:, 0] = [_or_nan(alpha_of, C) for C in covariances]
        found[:, 1] = [_or_nan(_mean_split_half, C) for C in covariances]
        if not isinstance(model, Missing):
            smooth = {i: or_missing(_smooth, C) for i, C in enumerate(covariances)}
            sound = {i: R for i, R in smooth.items() if not isinstance(R, Missing)}
            if sound:
                found[list(sound), 2:] = omegas_of_resamples(np.stack(list(sound.values())), model)
        return found

    entry: dict[str, Any] = {}
    intervals = _reliability_intervals(coefficients, levels, seed)
    for (name, estimate), ends in zip(estimates.items(), intervals, strict=True):
        entry[name] = estimate
        entry[f"{name}_ci"] = estimate if isinstance(estimate, Missing) else ends
        if name.startswith("omega") and not isinstance(entry[f"{name}_ci"], Missing):
            entry[f"{name}_ci"] = [max(end, 0.0) for end in entry[f"{name}_ci"]]  # a share of variance
    entry["omega_factors"] = model if isinstance(model, Missing) else model.n_factors
    entry["split_half_range"] = (
        halves
        if isinstance(halves, Missing)
        else {"min": halves.smallest, "max": halves.largest, "n_splits": halves.n_splits, "all": halves.all_splits}
    )
    return entry


def _general(model: Omega) -> float | Missing:
    return Missing("a general factor takes at least 6 items") if model.hierarchical is None else model.hierarchical


def _omega(covariance: FloatArray, seed: int) -> Omega:
    return omega(_smooth(covariance), seed=seed)


def _split_half(covariance: FloatArray, seed: int) -> SplitHalf:
    return split_half(_defined(correlation_of(covariance)), seed=seed)


def _mean_split_half(covariance: FloatArray) -> float:
    return mean_split_half(_defined(correlation_of(covariance)))


def _smooth(covariance: FloatArray) -> FloatArray:
    return nearest_correlation(_defined(correlation_of(covariance)))


def _defined(R: FloatArray) -> FloatArray:
    """Return correlations if all are, else say that an item is constant or hardly answered."""
    undefined = int((~np.isfinite(np.diag(R))).sum()) or int((~np.isfinite(R).all(axis=1)).sum())
    if len(R) and undefined:
        raise NotEstimableError(
            f"{undefined} of {len(R)} items are constant over respondents, or never answered together with another"
        )
    return R


def _or_nan(compute: Callable[P, float], *args: P.args, **given: P.kwargs) -> float:
    found = or_missing(compute, *args, **given)
    return np.nan if isinstance(found, Missing) else found


def _reliability_intervals(
    coefficients: Coefficients, levels: Mapping[str, IntArray], seed: int
) -> list[list[float] | Missing]:
    """Intervals of coefficients of at most 1, in the metric log(1 - x)."""
    low, high = coefficient_interval(
        lambda marks: np.log(np.maximum(1 - coefficients(marks), _SMALLEST_ERROR)), levels, seed=seed
    )
    return [_ends(1 - np.exp(second), 1 - np.exp(first)) for first, second in zip(low, high, strict=True)]


def _correlation_interval(
    coefficients: Coefficients, levels: Mapping[str, IntArray], seed: int
) -> list[float] | Missing:
    """Interval of a correlation, in Fisher's z."""
    most = 1 - _SMALLEST_ERROR
    low, high = coefficient_interval(
        lambda marks: np.arctanh(np.clip(coefficients(marks), -most, most)), levels, seed=seed
    )
    return _ends(np.tanh(low[0]), np.tanh(high[0]))


def _ends(low: float, high: float) -> list[float] | Missing:
    return [float(low), float(high)] if np.isfinite([low, high]).all() else Missing(NOT_RESAMPLED)


def _of_respondents(answers: Answers, codes: IntArray) -> IntArray:
    """Level of each respondent (respondents,) from that of each row."""
    of_respondent = np.zeros(answers.count(RESPONDENT), dtype=np.int64)
    of_respondent[answers.respondent] = codes
    return of_respondent


def _by_run(answers: Answers, values: FloatArray) -> FloatArray:
    """Lay values of rows (N, ...) out as respondents x their rows in order, NaN where a respondent has fewer."""
    respondent = answers.respondent
    order = np.argsort(respondent, kind="stable")
    sizes = np.bincount(respondent)
    place = np.arange(len(order)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    laid_out = np.full((len(sizes), int(sizes.max()), *values.shape[1:]), np.nan)
    laid_out[respondent[order], place] = values[order]
    return laid_out


def _first_answers(answers: Answers, members: IntArray) -> FloatArray:
    """Keyed answers of each respondent's first row (respondents, items): single answers, not means."""
    first = np.unique(answers.respondent, return_index=True)[1]
    return answers.scores[first][:, members] * answers.items.keyed[members]


def _icc_entry(runs: FloatArray, levels: Mapping[str, IntArray], seed: int) -> dict[str, Any] | Missing:
    """ICC of scale scores (respondents, runs): of one run, and of the mean of a respondent's runs."""
    respondent = np.broadcast_to(np.arange(len(runs))[:, None], runs.shape)
    found = or_missing(one_way_icc, runs.ravel(), respondent.ravel())
    if isinstance(found, Missing):
        return found

    def again(marks: NDArray[np.bool_]) -> FloatArray:
        return np.array([[_or_nan(_icc_of_means, runs[kept], respondent[kept])] for kept in marks])

    of_means = _reliability_intervals(again, levels, seed)[0]
    return {
        "single": found.single.estimate,
        "single_ci": of_means if isinstance(of_means, Missing) else [_stepped_down(r, found.k) for r in of_means],
        "mean": found.mean.estimate,
        "mean_ci": of_means,
        "n_respondents": found.n,
        "mean_runs": found.k,
    }


def _icc_of_means(runs: FloatArray, respondent: IntArray) -> float:
    return one_way_icc(runs.ravel(), respondent.ravel()).mean.estimate


def _stepped_down(of_means: float, k: float) -> float:
    """Spearman-Brown: the reliability of one of k."""
    return of_means / (of_means + k * (1 - of_means))


def _retest_entry(scores: FloatArray, levels: Mapping[str, IntArray], seed: int, once: str) -> dict[str, Any] | Missing:
    """Mean correlation between the columns of scores (respondents, occasions)."""
    if scores.shape[1] < TWO_RUNS:
        return Missing(once)
    found = or_missing(retest, scores)
    if isinstance(found, Missing):
        return found

    def again(marks: NDArray[np.bool_]) -> FloatArray:
        return np.array([[_or_nan(_retest_r, scores[kept])] for kept in marks])

    return {
        "r": found.r,
        "ci": _correlation_interval(again, levels, seed),
        "n_pairs": found.n_pairs,
        "n_respondents": found.n,
    }


def _retest_r(scores: FloatArray) -> float:
    return retest(scores).r


def _waves_entry(frame: pd.DataFrame, answers: Answers, members: IntArray, seed: int) -> dict[str, Any] | Missing:
    """Retest between waves of respondents' scale scores, from items as deviations from their mean over all waves."""
    names = [answers.items.names[i] for i in members]
    rows = frame[frame["score"].notna() & ~is_placebo(frame) & frame["item_id"].astype(object).isin(names)]
    waves = sorted(map(str, rows["wave"].unique()))
    if len(waves) < TWO_RUNS:
        return Missing("the table has one wave")
    item = rows["item_id"].astype(object)
    width = (rows["score_max"] - rows["score_min"]).astype(float).fillna(1.0)
    deviation = (rows["score"] - rows["score"].groupby(item).transform("mean")) / width
    keyed = deviation * item.map(dict(zip(names, answers.items.keyed[members], strict=True))).astype(float)
    index = [*RESPONDENT, "item_id"]
    told = rows[index].astype(object).assign(wave=rows["wave"].astype(str), keyed=keyed)
    by_item = told.pivot_table(index=index, columns="wave", values="keyed")
    table = by_item.groupby(level=list(RESPONDENT)).mean()
    levels = {facet: pd.factorize(table.index.get_level_values(facet))[0].astype(np.int64) for facet in RESAMPLED}
    scores = table[waves].to_numpy(dtype=float)
    entry = _retest_entry(scores, levels, seed, "the table has one wave")
    if isinstance(entry, Missing):
        return entry
    agreement = or_missing(two_way_icc, scores)
    estimate = agreement if isinstance(agreement, Missing) else agreement.agreement.estimate
    return {**entry, "waves": waves, "icc_agreement": estimate}


def _multilevel_entry(answers: Answers, members: IntArray) -> dict[str, Any] | Missing:
    laid_out = _by_run(answers, answers.keyed_scores[:, members])
    found = or_missing(multilevel_reliability, laid_out)
    if isinstance(found, Missing):
        return found
    return {
        "means": found.means,
        "change": found.change,
        "n_respondents": found.n,
        "n_runs": found.k,
    }

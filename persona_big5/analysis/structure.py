"""Structure at each level: how many factors the answers of that level have beyond chance, and which ones."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from persona_big5.analysis.levels import CORRECTED, LEVELS
from persona_big5.analysis.null import null_world
from persona_big5.errors import DataError, NotEstimableError
from persona_big5.factors.correlation import correlation_of
from persona_big5.factors.extraction import FactorSolution, fit_factors, most_factors
from persona_big5.factors.factorability import Factorability, factorability
from persona_big5.factors.parallel import ParallelAnalysis, parallel_analysis, permuted_null
from persona_big5.factors.retention import Retention, retention
from persona_big5.factors.smoothing import nearest_correlation
from persona_big5.validity.acquiescence import remove_acquiescence
from persona_big5.validity.reliability import mean_of_answered

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from persona_big5.analysis.answers import Answers, ItemInfo
    from persona_big5.analysis.levels import LevelEstimator
    from persona_big5.variance.groups import FloatArray

LEAST_RELIABILITY = 0.2
"""Items below are not divided by the square root of their tiny variance: they are dropped and named."""
UNITS_PER_SCALE = 3
NO_VARIANCE = "does not vary"
TOO_SELDOM_TOGETHER = "too seldom answered together with another item"


@dataclass(frozen=True, slots=True)
class Variables:
    """What a level is analysed with: items, or keyed scale scores where there are too few units for items.

    Attributes
    ----------
    names
        Names of the variables.
    weights
        Shape (n_variables, n_items), turns an item covariance into theirs, keyed.
    keyed
        Signs back to raw direction, shape (n_variables,).
    unit
        ``items`` or ``scales``.
    dropped
        Items left out at this level, each with the reason.
    agreeing_in
        Names the scale of each item whose agreement with everything is taken out first (n_items,); empty: nothing is.
    """

    names: tuple[str, ...]
    weights: FloatArray
    keyed: FloatArray
    unit: str
    dropped: tuple[tuple[str, str], ...]
    agreeing_in: tuple[str, ...] = ()

    def correlations(self, covariance: FloatArray) -> FloatArray:
        """Correlations, keyed, clipped to +-1; a variable without variance is correlated 0 with all.

        Raises
        ------
        NotEstimableError
            Where agreement is to be taken out and cannot be told from content.
        """
        known = np.nan_to_num(covariance)  # pairs that are not defined have no weight here
        if self.agreeing_in:
            known = self._without_style(known)
        R = correlation_of(self.weights @ known @ self.weights.T)
        R = np.clip(np.nan_to_num(R), -1.0, 1.0)
        np.fill_diagonal(R, 1.0)
        return np.asarray((R + R.T) / 2)

    def _without_style(self, covariance: FloatArray) -> FloatArray:
        """Take agreement with everything out of the items that have a weight."""
        weighted = np.flatnonzero(self.weights.any(axis=0))
        if np.diag(covariance)[weighted].sum() <= 0:
            return covariance  # a noise-corrected draw without any variance left has no style either
        signs = np.sign(self.weights[:, weighted].sum(axis=0))
        scales = [self.agreeing_in[i] for i in weighted]
        left = covariance.copy()
        block = np.ix_(weighted, weighted)
        left[block], _ = remove_acquiescence(covariance[block], signs, scales)
        return left

    def scores(self, scores: FloatArray, items: ItemInfo) -> FloatArray:
        """Scores of the variables (N, n_variables): the items themselves, or means of each scale's answered items."""
        if self.unit == "items":
            return scores[:, [items.names.index(name) for name in self.names]]
        keyed = scores * items.keyed
        return np.stack([mean_of_answered(keyed[:, items.members(scale)]) for scale in self.names], axis=1)


@dataclass(frozen=True, slots=True)
class Structure:
    """What was found at one level.

    Attributes
    ----------
    n_units
        Rows, respondents or levels that the matrix is of.
    variables
        What was correlated.
    correlations
        Keyed, shape (p, p).
    retention
        Number of factors by each method.
    factorability
        Whether there is anything to factor.
    n_factors
        By parallel analysis unless it was given.
    solution
        Loadings, or None.
    reasons
        Why ``solution`` is None.
    """

    n_units: int
    variables: Variables
    correlations: FloatArray
    retention: Retention
    factorability: Factorability
    n_factors: int
    solution: FactorSolution | None
    reasons: dict[str, str]

    @property
    def parallel(self) -> ParallelAnalysis:
        """Eigenvalues against their null."""
        return self.retention.parallel_analysis


def choose_variables(
    level: str, items: ItemInfo, covariance: FloatArray, n_units: int, reliability: FloatArray | None
) -> Variables | str:
    """Take items with reliability at least .2 where there are more units than items, else scale scores.

    Items whose covariance with another is not defined (they are too seldom answered together) are left out first, as
    few as will do. The reason in words where there are too few units, or too few items, for either.
    """
    defined = _jointly_defined(covariance)
    kept = defined & (np.nan_to_num(np.diag(covariance)) > 0)
    if reliability is not None:
        kept &= np.nan_to_num(reliability) >= LEAST_RELIABILITY
    dropped = []
    for i in np.flatnonzero(~kept):
        why = NO_VARIANCE if reliability is None else f"reliability {reliability[i]:.2f} < {LEAST_RELIABILITY}"
        dropped.append((items.names[i], f"{why if defined[i] else TOO_SELDOM_TOGETHER} at level {level}"))
    if kept.sum() > 1 and n_units > kept.sum():
        weights = (np.eye(len(items.names)) * items.keyed)[kept]
        return Variables(items.take(kept).names, weights, items.keyed[kept], "items", tuple(dropped))
    vary = defined.all() and bool((np.diag(items.weights @ covariance @ items.weights.T) > 0).all())
    if vary and len(items.scales) > 1 and n_units >= UNITS_PER_SCALE * len(items.scales):
        return Variables(items.scales, items.weights, np.ones(len(items.scales)), "scales", ())
    if defined.sum() < 2:
        return f"items are {TOO_SELDOM_TOGETHER}"
    if kept.sum() < 2:
        enough = "vary" if reliability is None else f"have reliability >= {LEAST_RELIABILITY}"
        return f"fewer than two items {enough} at level {level}"
    return f"{n_units} units for {int(kept.sum())} items and {len(items.scales)} scales: too few for factors"


def _jointly_defined(covariance: FloatArray) -> NDArray[np.bool_]:
    """Mark items such that all their covariances are defined, leaving out the one with most gaps until none is left."""
    kept = np.ones(len(covariance), dtype=bool)
    gaps = ~np.isfinite(covariance)
    while (missing := (gaps & np.outer(kept, kept)).sum(axis=1)).any():
        kept[missing.argmax()] = False
    return kept


WITHOUT_STYLE = "respondent_without_style"
"""What is found at level ``respondent`` once agreement with everything is taken out of its item covariance."""


def find_structure(
    answers: Answers,
    estimator: LevelEstimator,
    matrices: Mapping[str, FloatArray],
    *,
    levels: Sequence[str] = LEVELS,
    n_factors: int | None = None,
    draws: int = 100,
    seed: int = 0,
    progress: Callable[[str], None] = lambda _: None,
) -> dict[str, Structure | str]:
    """Count and extract factors at each level; the reason in words where a level cannot be analysed.

    Parallel analysis on the unreduced correlation matrix: ``pooled`` and ``means`` against permutations within item,
    ``run`` against independent errors of the same sizes, every other level against the component null
    (``analysis.null``), all with the same answers missing and the same estimator.

    Parameters
    ----------
    answers, estimator, matrices
        The answers, and their item covariance by level as the estimator gives it.
    levels
        Levels to analyse. With ``respondent`` goes the same level without response style (``WITHOUT_STYLE``).
    n_factors
        Number of factors at every level; None: by parallel analysis, but for ``means`` that of ``respondent`` where it
        has any: permutations ignore that respondents share personas and llms, and find too many.
    draws
        Null draws.
    seed
        Everything random derives from it.
    progress
        Called with a short sentence when a step begins.
    """
    reliability = estimator.reliability(matrices)
    chosen: dict[str, Variables] = {}
    found: dict[str, Structure | str] = {}
    for level in levels:
        if level not in matrices:
            found[level] = estimator.reasons[level]
            continue
        variables = choose_variables(
            level, answers.items, matrices[level], estimator.n_units(level), reliability.get(level)
        )
        if isinstance(variables, str):
            found[level] = variables
        else:
            chosen[level] = variables
    if "respondent" in levels:
        without = found.get("respondent") or _without_style(answers.items, matrices, chosen["respondent"])
        if isinstance(without, Variables):
            chosen[WITHOUT_STYLE] = without
        else:
            found[WITHOUT_STYLE] = without
    nulls = _null_eigenvalues(answers, estimator, matrices, chosen, draws, seed, progress)
    for name in sorted(chosen, key=lambda name: name != "respondent"):
        variables = chosen[name]
        progress(f"factors: {name}")
        level = level_of(name)
        wanted = n_factors
        corrected = found.get("respondent")
        if name == "means" and n_factors is None and isinstance(corrected, Structure) and corrected.n_factors > 0:
            wanted = corrected.n_factors
        means = variables.scores(answers.respondent_means(answers.scores), answers.items) if name == "means" else None
        found[name] = _analyse(
            level, estimator.n_units(level), variables, matrices[level], nulls[name], wanted, means, seed
        )
    return {name: found[name] for name in (*levels, WITHOUT_STYLE) if name in found}


def level_of(name: str) -> str:
    """Level whose item covariance is analysed under this name."""
    return "respondent" if name == WITHOUT_STYLE else name


def _without_style(items: ItemInfo, matrices: Mapping[str, FloatArray], variables: Variables | str) -> Variables | str:
    """Take the same variables with agreement taken out, or the reason in words why it cannot be."""
    if isinstance(variables, str):
        return variables
    without = replace(variables, agreeing_in=items.scale)
    try:
        without.correlations(matrices["respondent"])
    except (NotEstimableError, DataError) as error:
        return str(error)
    return without


def _null_eigenvalues(
    answers: Answers,
    estimator: LevelEstimator,
    matrices: Mapping[str, FloatArray],
    chosen: Mapping[str, Variables],
    draws: int,
    seed: int,
    progress: Callable[[str], None],
) -> dict[str, FloatArray]:
    nulls: dict[str, FloatArray] = {}
    for level in ("pooled", "means"):
        if level in chosen:
            progress(f"parallel analysis at level {level}: {draws} permutations")
            rows = answers.scores if level == "pooled" else answers.respondent_means(answers.scores)
            nulls[level] = permuted_null(chosen[level].scores(rows, answers.items), draws, seed)
    compared = {name: variables for name, variables in chosen.items() if name not in nulls}
    if compared:
        corrected = [level for level in CORRECTED if level in compared]
        world = null_world(answers, estimator, matrices)
        eigenvalues: dict[str, list[FloatArray]] = {name: [] for name in compared}
        for draw, random in enumerate(np.random.default_rng(seed).spawn(draws), start=1):
            progress(f"parallel analysis against worlds without factors: {draw} of {draws}")
            drawn = world.draw(estimator, corrected, random)
            if "run" in compared:
                drawn["run"] = world.draw_runs(estimator, random)
            for name, variables in compared.items():
                eigenvalues[name].append(descending_eigenvalues(variables.correlations(drawn[level_of(name)])))
        nulls |= {name: np.array(values) for name, values in eigenvalues.items()}
    return nulls


def descending_eigenvalues(R: FloatArray) -> FloatArray:
    """Eigenvalues of a symmetric matrix, largest first."""
    return np.asarray(np.linalg.eigvalsh(R)[::-1], dtype=np.float64)


def _analyse(
    level: str,
    n_units: int,
    variables: Variables,
    covariance: FloatArray,
    null: FloatArray,
    n_factors: int | None,
    scores: FloatArray | None,
    seed: int,
) -> Structure:
    R = variables.correlations(covariance)
    sample = n_units if level not in CORRECTED else None
    parallel = parallel_analysis(descending_eigenvalues(R), null)
    votes = retention(R, parallel, n_observations=sample, scores=scores, seed=seed)
    k = parallel.n_factors if n_factors is None else n_factors
    reasons: dict[str, str] = {}
    solution = None
    if k == 0:
        reasons["solution"] = "no factor exceeds chance"
    elif k > most_factors(len(variables.names)):
        reasons["solution"] = f"{k} factors of {len(variables.names)} {variables.unit} are not identified"
    else:
        solution = fit_factors(nearest_correlation(R), k, n_observations=sample, items=variables.names)
    return Structure(
        n_units=n_units,
        variables=variables,
        correlations=R,
        retention=votes,
        factorability=factorability(R, sample),
        n_factors=k,
        solution=solution,
        reasons=reasons,
    )


def item_eigenvalues(items: ItemInfo, covariance: FloatArray) -> FloatArray:
    """Eigenvalues of the keyed correlations of all items that vary and are defined, largest first; may be none."""
    kept = _jointly_defined(covariance) & (np.nan_to_num(np.diag(covariance)) > 0)
    weights = (np.eye(len(items.names)) * items.keyed)[kept]
    variables = Variables(items.take(kept).names, weights, items.keyed[kept], "items", ())
    return descending_eigenvalues(variables.correlations(covariance)) if kept.any() else np.empty(0)

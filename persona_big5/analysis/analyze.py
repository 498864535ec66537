"""Long table in, analysis out: the one place where answers and statistics meet."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from persona_big5.analysis import document
from persona_big5.analysis.answers import RESPONDENT, Answers, lay_out
from persona_big5.analysis.document import Missing
from persona_big5.analysis.levels import LEVELS, LevelEstimator
from persona_big5.analysis.recommend import recommend
from persona_big5.analysis.shares import by_llm, g_studies, placebo_variance, variance_by_level, without_placebo
from persona_big5.analysis.structure import Structure, find_structure
from persona_big5.analysis.summary import summary
from persona_big5.analysis.traits import scale_correlations
from persona_big5.analysis.verdict import judge
from persona_big5.errors import DataError, NotEstimableError
from persona_big5.factors.correlation import correlation_of
from persona_big5.store.longtable import BESIDE_KEY, KEY, as_long
from persona_big5.validity.reliability import alpha_of, mean_of_answered, r_positive_negative
from persona_big5.validity.style import Acquiescence, acquiescence, extremity, overall_acquiescence
from persona_big5.variance.covariance import means_by_group
from persona_big5.variance.levels import LevelComponents

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from persona_big5.variance.groups import FloatArray
    from persona_big5.variance.gstudy import DecisionStudy, GStudy

OVERALL = "all"
PACKAGES = ("persona-big5", "numpy", "scipy", "pandas", "factor-analyzer", "statsmodels", "duckdb")


@dataclass(frozen=True)
class Analysis:
    """Everything that was found.

    ``document`` is ``analysis.json`` as nested plain values; ``tables`` {name: frame} are the Parquet files.
    """

    document: dict[str, Any]
    tables: dict[str, pd.DataFrame]

    def summary(self) -> str:
        """One page in plain language."""
        return summary(self.document)

    def __str__(self) -> str:
        return self.summary()

    def write(self, folder: Path) -> None:
        """Write ``analysis.json`` (strict JSON) and one Parquet file per table into ``folder``."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, table in self.tables.items():
            table.to_parquet(folder / f"{name}.parquet", index=False)
        text = json.dumps(self.document, indent=1, allow_nan=False, ensure_ascii=False)
        (folder / "analysis.json").write_text(text + "\n", encoding="utf-8")


def analyze_table(
    frame: pd.DataFrame,
    *,
    sessions: Literal["shared", "isolated"] | None = None,
    levels: Sequence[str] = LEVELS,
    n_factors: int | None = None,
    draws: int = 100,
    seed: int = 0,
    progress: Callable[[str], None] = lambda _: None,
) -> Analysis:
    """Analyse a long table of answers.

    Parameters
    ----------
    frame : long table (``long_table``, ``read_long``): key columns, ``scale``, ``keyed``, ``score`` in the raw
        direction, NaN missing; any
        other table of answers is brought into that form by ``as_long``
    sessions : overrides what the column ``session`` says
    levels : levels at which factors are looked for
    n_factors : number of factors at every level instead of parallel analysis
    draws : null draws of parallel analysis (at least 20; 100 or more for a result to report)
    seed : everything random derives from it
    progress : called with a short sentence when a step begins

    Raises DataError for a table without scores or with an unknown level. What cannot be estimated is null with its
    reason, not an error.
    """
    if unknown := set(levels) - set(LEVELS):
        raise DataError(f"unknown level {', '.join(map(repr, sorted(unknown)))}; levels are {', '.join(LEVELS)}")
    if draws < 20:
        raise DataError(f"{draws} null draws cannot give a 95th percentile; use at least 20")
    if not {*KEY, *BESIDE_KEY} <= set(frame.columns):
        frame = as_long(frame)
    with threadpool_limits(1):  # two BLAS threads double the CPU time of small matrices
        progress("reading the table")
        everyone = lay_out(frame, sessions=sessions)
        answers = without_placebo(everyone)
        progress("variance components")
        components = _or_reason(lambda: variance_by_level(answers))
        studies = g_studies(answers)
        estimator = LevelEstimator.of(answers)
        matrices = estimator.matrices(answers.scores)
        progress("correlations of scales")
        correlations = scale_correlations(answers, estimator, matrices)
        structures = find_structure(
            answers, estimator, matrices, levels=levels, n_factors=n_factors, draws=draws, seed=seed, progress=progress
        )
        judged = {"respondent": "not among the levels asked for", **structures}
        progress("verdict")
        runs = estimator.runs_per_respondent() if "respondent" in matrices else 1.0
        document_ = {
            "schema_version": document.SCHEMA_VERSION,
            "provenance": _provenance(frame, everyone, sessions, levels, n_factors, draws, seed),
            "verdict": document.verdict_entry(judge(answers, estimator, matrices, judged, components, seed=seed)),
            "data": _data(frame, everyone, structures, components),
            "variance": {
                **document.variance_entry(components),
                "g_study": {
                    scale: Missing(found)
                    if isinstance(found, str)
                    else document.g_study_entry(found[0], levels_of_reversed_known=_levels_known(answers, scale))
                    for scale, found in studies.items()
                },
                "by_llm": [document.by_llm_entry(one) for one in by_llm(answers)],
                "placebo": _placebo(everyone),
                "method": "moments (Henderson I), items one by one, then averaged; intervals by jackknife over llms and personas",
            },
            "decision": {
                scale: Missing(found) if isinstance(found, str) else document.decision_entry(found[1])
                for scale, found in studies.items()
            },
            "correlations": document.correlations_entry(correlations, estimator.reasons),
            **document.structure_entries(structures),
            "recommended_level": document.recommendation_entry(recommend(answers, matrices, judged, runs, seed)),
            "reliability": _reliability(answers, matrices, studies),
            "style": _style(answers),
            **{key: Missing(document.NOT_BUILT) for key in document.NOT_BUILT_KEYS},
        }
        return Analysis(document.write_out(document_), _tables(frame, answers, components, structures, matrices))


def _or_reason(compute: Callable[[], LevelComponents]) -> LevelComponents | str:
    try:
        return compute()
    except NotEstimableError as error:
        return str(error)


def _levels_known(answers: Answers, scale: str) -> bool:
    """Whether means of a scale's items are on one footing.

    Nothing reversed, or the ends of the response scales known.
    """
    members = slice(None) if scale not in answers.items.scales else answers.items.members(scale)
    return answers.ends_known or bool((answers.items.keyed[members] > 0).all())


def _provenance(
    frame: pd.DataFrame,
    answers: Answers,
    sessions: str | None,
    levels: Sequence[str],
    n_factors: int | None,
    draws: int,
    seed: int,
) -> dict[str, Any]:
    hashed = pd.util.hash_pandas_object(frame[[c for c in frame.columns if c != "raw_response"]], index=False)
    return {
        "packages": {package: version(package) for package in PACKAGES},
        "seed": seed,
        "settings": {
            "draws": draws,
            "levels": list(levels),
            "n_factors": Missing("by parallel analysis") if n_factors is None else n_factors,
            "sessions": sessions or answers.session_design,
        },
        "data_hash": hashlib.blake2b(hashed.to_numpy().tobytes(), digest_size=16).hexdigest(),
        "waves": sorted(map(str, frame["wave"].unique())),
    }


def _warn_of_components(components: LevelComponents | str) -> list[str]:
    if isinstance(components, str):
        return [components]
    warnings = [f"{facet}: few levels: intervals are wide and assume normal effects" for facet in components.few_levels]
    if components.not_resampled:
        warnings.append(
            f"intervals are for these levels of {', '.join(components.not_resampled)} (fewer than 4: not resampled)"
        )
    if "run" in components.dropped:
        warnings.append(f"{list(components.components)[-1]} includes run noise: {components.dropped['run']}")
    return warnings


def _data(
    frame: pd.DataFrame,
    answers: Answers,
    structures: Mapping[str, Structure | str],
    components: LevelComponents | str,
) -> dict[str, Any]:
    runs = np.bincount(answers.cell)
    dropped = [*answers.dropped_items]
    for structure in structures.values():
        if not isinstance(structure, str):
            dropped.extend(structure.variables.dropped)
    counts = {
        name: len(np.unique(answers.codes[:, i])) for i, name in enumerate(("llm", "variant", "persona", "context"))
    }
    variants = len(np.unique(answers.codes[:, :2], axis=0))
    return {
        "n_rows": len(frame),
        "n_llms": counts["llm"],
        "n_variants": variants,
        "n_personas": counts["persona"],
        "n_contexts": counts["context"],
        "n_respondents": int(answers.respondent.max()) + 1,
        "n_items": len(answers.items.names),
        "runs_per_cell": {"min": int(runs.min()), "median": float(np.median(runs)), "max": int(runs.max())},
        "states": answers.states,
        "dropped_items": [{"item": item, "reason": reason} for item, reason in dict.fromkeys(dropped)],
        "placebo_personas": list(answers.placebo_personas),
        "session_design": answers.session_design,
        "warnings": [*answers.warnings, *_warn_of_components(components)],
    }


def _placebo(answers: Answers) -> dict[str, Any] | Missing:
    found = placebo_variance(answers)
    if isinstance(found, str):
        return Missing(found)
    entry = document.variance_entry(found)
    persona = found.components.get("persona")
    return {
        "persona_variance": Missing("persona is no facet there") if persona is None else persona.estimate,
        "ratio": entry["run_to_persona_ratio"],
        "by_level": entry["by_level"],
    }


def _reliability(
    answers: Answers,
    matrices: Mapping[str, FloatArray],
    studies: Mapping[str, tuple[GStudy, DecisionStudy] | str],
) -> dict[str, Any]:
    not_built = Missing(document.NOT_BUILT)
    respondents = means_by_group(answers.scores, answers.respondent, int(answers.respondent.max()) + 1)
    entries: dict[str, Any] = {}
    for scale in answers.items.scales:
        members = answers.items.members(scale)
        keyed = answers.items.keyed[members]
        means = matrices.get("means")
        alpha: Any = Missing("one item, or one respondent")
        if means is not None and len(members) > 1:
            alpha = alpha_of((means * np.outer(answers.items.keyed, answers.items.keyed))[np.ix_(members, members)])
        study = studies[scale]
        r = r_positive_negative(respondents[:, members], keyed.astype(np.int64))
        entries[scale] = {
            "alpha": alpha,
            "omega_total": not_built,
            "omega_hierarchical": not_built,
            "split_half": not_built,
            "g": Missing(study) if isinstance(study, str) else study[0].coefficients.g_coefficient,
            "n_items": len(members),
            "n_reversed": int((keyed < 0).sum()),
            "r_positive_negative": Missing(document.KEYED_ALIKE) if r is None else r,
        }
    return entries


def _style(answers: Answers) -> dict[str, Any] | Missing:
    if not answers.ends_known:
        return Missing("ends of the response scales are not known")
    items = answers.items
    keyed = items.keyed.astype(np.int64)
    respondents = means_by_group(answers.scores, answers.respondent, int(answers.respondent.max()) + 1)
    found: dict[str, Acquiescence] = {}
    entries: dict[str, Any] = {}
    for scale in (*items.scales, OVERALL):
        members = items.members(scale) if scale != OVERALL else np.arange(len(items.names))
        ends = items.score_min[members], items.score_max[members]
        agreement: Acquiescence | Missing
        try:
            if scale == OVERALL:
                agreement = overall_acquiescence(list(found.values()))
            else:
                agreement = found[scale] = acquiescence(respondents[:, members], keyed[members], *ends)
        except NotEstimableError as error:
            agreement = Missing(str(error))
        r = r_positive_negative(respondents[:, members], keyed[members])
        entries[scale] = document.style_entry(agreement, extremity(answers.scores[:, members], *ends), r)
    return entries


def _tables(
    frame: pd.DataFrame,
    answers: Answers,
    components: LevelComponents | str,
    structures: Mapping[str, Structure | str],
    matrices: Mapping[str, FloatArray],
) -> dict[str, pd.DataFrame]:
    items = list(answers.items.names)
    respondent = answers.respondent
    n = int(respondent.max()) + 1
    first = np.array([np.flatnonzero(respondent == code)[0] for code in range(n)])
    who = pd.DataFrame(
        {
            column: [answers.levels[column][code] for code in answers.codes[first, i]]
            for i, column in enumerate(RESPONDENT)
        }
    )
    means = means_by_group(answers.scores, respondent, n)
    scales = {
        scale: mean_of_answered(means_by_group(answers.keyed_scores[:, answers.items.members(scale)], respondent, n))
        for scale in answers.items.scales
    }
    tables = {
        "long": frame.drop(columns=["raw_response"]),
        "respondent_items": pd.concat([who, pd.DataFrame(means, columns=items)], axis=1),
        "respondent_scales": pd.concat([who, pd.DataFrame(scales)], axis=1),
        "item_correlations": pd.concat([_pairs(level, items, matrix) for level, matrix in matrices.items()]),
        "loadings": _loadings(structures),
    }
    if not isinstance(components, str):
        tables["components_by_item"] = pd.DataFrame({"item_id": items, **components.by_item})
    return tables


def _pairs(level: str, items: list[str], covariance: FloatArray) -> pd.DataFrame:
    rows, columns = np.triu_indices(len(items))
    R = correlation_of(covariance)
    names = np.array(items, dtype=object)
    return pd.DataFrame(
        {
            "level": level,
            "item_a": names[rows],
            "item_b": names[columns],
            "covariance": covariance[rows, columns],
            "correlation": R[rows, columns],
        }
    )


def _loadings(structures: Mapping[str, Structure | str]) -> pd.DataFrame:
    parts = [
        pd.DataFrame(
            {
                "level": level,
                "variable": np.repeat(np.array(structure.variables.names, dtype=object), structure.solution.n_factors),
                "factor": np.tile(np.arange(1, structure.solution.n_factors + 1), len(structure.variables.names)),
                "loading": structure.solution.loadings.ravel(),
                "raw_direction_loading": (structure.solution.loadings * structure.variables.keyed[:, None]).ravel(),
            }
        )
        for level, structure in structures.items()
        if not isinstance(structure, str) and structure.solution is not None
    ]
    columns = ["level", "variable", "factor", "loading", "raw_direction_loading"]
    return pd.concat(parts) if parts else pd.DataFrame(columns=columns)

"""Long table in, analysis out: the one place where answers and statistics meet."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from persona_big5.analysis import document
from persona_big5.analysis.answers import CELL, RESPONDENT, is_placebo, lay_out
from persona_big5.analysis.document import Missing
from persona_big5.analysis.halves import persona_halves
from persona_big5.analysis.levels import LEVELS, LevelEstimator
from persona_big5.analysis.modes import expected_share, one_mode, probability_entry
from persona_big5.analysis.occasions import drift_entry, first_asking
from persona_big5.analysis.position import OVERALL, option_places
from persona_big5.analysis.recommend import recommend
from persona_big5.analysis.scales import reliability_entries, style_entries
from persona_big5.analysis.shares import (
    ALL_ITEMS,
    by_llm,
    g_studies,
    placebo_variance,
    variance_by_level,
)
from persona_big5.analysis.structure import find_structure
from persona_big5.analysis.summary import summary
from persona_big5.analysis.tables import parquet_tables
from persona_big5.analysis.traits import scale_correlations
from persona_big5.analysis.verdict import judge
from persona_big5.errors import DataError
from persona_big5.store.longtable import BESIDE_KEY, KEY, as_long

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from os import PathLike

    from persona_big5.analysis.answers import Answers
    from persona_big5.analysis.structure import Structure
    from persona_big5.variance.gstudy import DecisionStudy, GStudy
    from persona_big5.variance.levels import LevelComponents

METHOD = "moments (Henderson I), items one by one, then averaged; intervals by jackknife over llms and personas"
PACKAGES = ("persona-big5", "numpy", "scipy", "pandas", "factor-analyzer", "statsmodels", "duckdb")


@dataclass(frozen=True)
class Analysis:
    """Everything that was found.

    Attributes
    ----------
    document
        ``analysis.json`` as nested plain values.
    tables
        The Parquet files as frames, by name.
    """

    document: dict[str, Any]
    tables: dict[str, pd.DataFrame]

    def summary(self) -> str:
        """One page in plain language."""
        return summary(self.document)

    def __str__(self) -> str:
        return self.summary()

    def write(self, folder: str | PathLike[str]) -> None:
        """Write ``analysis.json`` (strict JSON) and one Parquet file per table into ``folder``."""
        folder = Path(folder)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DataError(f"{folder} cannot be made ({error.strerror}); name another folder") from error
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
    """Analyse a long table of answers: variance, correlations of scales, factors at each level, and a verdict.

    Parameters
    ----------
    frame
        Long table (``long_table``, ``read_long``): key columns, ``scale``, ``keyed``, ``score`` in the raw direction,
        NaN missing. Any other table of answers is brought into that form by ``as_long``.
    sessions
        Overrides what the column ``session`` says.
    levels
        Levels at which factors are looked for.
    n_factors
        Number of factors at every level; None: by parallel analysis.
    draws
        Null draws of parallel analysis (at least 20; 100 or more for a result to report).
    seed
        Everything random derives from it.
    progress
        Called with a short sentence when a step begins.

    Raises
    ------
    DataError
        For a table without scores, one that cannot be brought into the long form, an unknown level, or too few draws.

    Notes
    -----
    What cannot be estimated is null with its reason, not an error. Five planted factors are found, and missed from
    pooled rows, in the populations of ``benchmarks.recovery``; shares, alphas and numbers of dimensions of published
    answers are held in tests/analysis.
    """
    if unknown := set(levels) - set(LEVELS):
        raise DataError(f"unknown level {', '.join(map(repr, sorted(unknown)))}; levels are {', '.join(LEVELS)}")
    if draws < 20:
        raise DataError(f"{draws} null draws cannot give a 95th percentile; use at least 20")
    if not {*KEY, *BESIDE_KEY} <= set(frame.columns):
        frame = as_long(frame)
    with threadpool_limits(1):  # two BLAS threads double the CPU time of small matrices
        progress("reading the table")
        given, of_mode = frame, one_mode(frame)
        frame = first_asking(of_mode)
        everyone = answers = lay_out(frame, sessions=sessions)
        if everyone.placebo_personas:
            answers = lay_out(_without_placebo(frame), sessions=sessions)
        progress("variance components")
        components = variance_by_level(answers)
        studies = g_studies(answers)
        estimator = LevelEstimator.of(answers)
        matrices = estimator.matrices(answers.scores)
        progress("correlations of scales")
        correlations = scale_correlations(answers, estimator, matrices, progress)
        structures = find_structure(
            answers, estimator, matrices, levels=levels, n_factors=n_factors, draws=draws, seed=seed, progress=progress
        )
        judged = {"respondent": document.NOT_ASKED_FOR, **structures}
        progress("verdict")
        expected = expected_share(frame)
        places = option_places(answers, noise_free=expected == 1) if answers.ends_known else None
        place = None if places is None else places[OVERALL]
        verdict = judge(answers, estimator, matrices, judged, components, place, seed=seed)
        halves = persona_halves(answers, estimator, matrices, structures, draws=draws, seed=seed, progress=progress)
        recommendation = recommend(estimator, matrices, judged, halves)
        found = {
            "schema_version": document.SCHEMA_VERSION,
            "provenance": _provenance(given, everyone, sessions, levels, n_factors, draws, seed),
            "verdict": document.verdict_entry(verdict),
            "data": _data(frame, everyone, answers, structures, components),
            "variance": {
                **document.variance_entry(components),
                "g_study": {scale: _g_study(answers, scale, study) for scale, study in studies.items()},
                "by_llm": [document.by_llm_entry(one) for one in by_llm(answers)],
                "placebo": _placebo(frame, everyone),
                "method": METHOD,
            },
            "decision": {scale: _decision(answers, scale, study) for scale, study in studies.items()},
            "correlations": document.correlations_entry(correlations, estimator.reasons),
            **document.structure_entries(structures, halves),
            "recommended_level": document.recommendation_entry(recommendation),
            "reliability": reliability_entries(answers, matrices, studies),
            "style": style_entries(answers, places, expected_scores=expected > 0),
            "probability": probability_entry(given),
            "drift": drift_entry(of_mode[~is_placebo(of_mode)]),
            **{key: Missing(document.NOT_BUILT) for key in document.NOT_BUILT_KEYS},
        }
        tables = parquet_tables(given, answers, components, structures, matrices)
        return Analysis(document.write_out(found), tables)


def _without_placebo(frame: pd.DataFrame) -> pd.DataFrame:
    """Leave placebo personas out: they are a null of their own, and in no other figure."""
    kept = frame[~is_placebo(frame)]
    if kept["score"].notna().sum() == 0:
        raise DataError("no answers but those of placebo personas; a placebo is compared with other personas")
    return kept


def _g_study(answers: Answers, scale: str, study: tuple[GStudy, DecisionStudy] | str) -> dict[str, Any] | Missing:
    if isinstance(study, str):
        return Missing(study)
    return document.g_study_entry(study[0], item_levels_known=_item_levels_known(answers, scale))


def _decision(answers: Answers, scale: str, study: tuple[GStudy, DecisionStudy] | str) -> dict[str, Any] | Missing:
    if isinstance(study, str):
        return Missing(study)
    return document.decision_entry(study[1], item_levels_known=_item_levels_known(answers, scale))


def _item_levels_known(answers: Answers, scale: str) -> bool:
    """Whether item means are on one footing: nothing is reversed, or the ends of the response scales are known."""
    members = slice(None) if scale == ALL_ITEMS else answers.items.members(scale)
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
    hashed = pd.util.hash_pandas_object(frame.drop(columns=["raw_response", "reason"]), index=False)
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
    everyone: Answers,
    answers: Answers,
    structures: Mapping[str, Structure | str],
    components: LevelComponents | str,
) -> dict[str, Any]:
    """Count everyone, placebo personas included; name items dropped from the ``answers`` that were analysed."""
    runs = frame.groupby([*CELL, "item_id"], observed=True, dropna=False, sort=False).size().to_numpy()
    dropped = [*answers.dropped_items]
    if not isinstance(components, str):
        few = "too few answers to tell its variance components apart"
        dropped.extend((answers.items.names[i], few) for i in components.undefined_items)
    for structure in structures.values():
        if not isinstance(structure, str):
            dropped.extend(structure.variables.dropped)
    return {
        "n_rows": len(frame),
        "n_llms": everyone.count(["llm"]),
        "n_variants": everyone.count(["llm", "variant"]),
        "n_personas": everyone.count(["persona"]),
        "n_contexts": everyone.count(["context"]),
        "n_respondents": everyone.count(RESPONDENT),
        "n_items": len(answers.items.names),
        "runs_per_cell": {"min": int(runs.min()), "median": float(np.median(runs)), "max": int(runs.max())},
        "states": everyone.states,
        "dropped_items": [{"item": item, "reason": reason} for item, reason in dict.fromkeys(dropped)],
        "placebo_personas": list(everyone.placebo_personas),
        "session_design": answers.session_design,
        "warnings": [*answers.warnings, *_warn_of_components(components)],
    }


def _placebo(frame: pd.DataFrame, everyone: Answers) -> dict[str, Any] | Missing:
    found = placebo_variance(frame, everyone)
    if isinstance(found, str):
        return Missing(found)
    entry = document.variance_entry(found)
    persona = found.components.get("persona")
    return {
        "persona_variance": Missing("persona is no facet there") if persona is None else persona.estimate,
        "ratio": entry["run_to_persona_ratio"],
        "by_level": entry["by_level"],
    }

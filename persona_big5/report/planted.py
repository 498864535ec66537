"""Planted against recovered: the only place of the report that reads the truth of a simulated population."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment
from scipy.stats import t

from persona_big5.factors.congruence import tucker_phi

if TYPE_CHECKING:
    from collections.abc import Mapping

    from persona_big5.report.findings import Findings

COMPARED = ("pooled", "respondent")
_RESPONDENT_FACETS = {"llm", "variant", "persona"}


@dataclass(frozen=True)
class Recovery:
    """Planted loadings beside those recovered at one level.

    Attributes
    ----------
    n_factors
        How many factors the level has, which may differ from how many were planted.
    phi
        Tucker's congruence of each planted factor with the recovered one that is matched with it, by name of the planted
        factor; NaN where fewer were recovered and none is left for it.
    loadings
        One row per item and planted factor: ``item, factor, planted, recovered`` (sign turned towards the planted factor), matched
        factors only.
    """

    n_factors: int
    phi: pd.Series[float]
    loadings: pd.DataFrame


def recover(findings: Findings, level: str) -> Recovery | None:
    """Match the factors of a level with the planted ones, one to one, so that the sum of absolute congruences is largest.

    None where the study is not simulated, or the level has no loadings of items that were planted.
    """
    found = findings.value("factors", level, "loadings")
    if findings.truth is None or not found:
        return None
    planted: Mapping[str, list[float]] = findings.truth["loadings"]
    items = [item for item in found if item in planted]
    if not items:
        return None
    A = np.array([planted[item] for item in items], dtype=float)
    B = np.array([found[item] for item in items], dtype=float)
    congruence = np.nan_to_num(tucker_phi(A, B))
    rows, columns = linear_sum_assignment(np.abs(congruence), maximize=True)
    factors = np.array(findings.truth["factors"], dtype=object)
    phi = pd.Series(np.nan, index=factors, dtype=float)
    phi.loc[factors[rows]] = np.abs(congruence[rows, columns])
    signs = np.where(congruence[rows, columns] < 0, -1.0, 1.0)
    table = pd.DataFrame(
        {
            "item": np.repeat(np.array(items, dtype=object), len(rows)),
            "factor": np.tile(factors[rows], len(items)),
            "planted": A[:, rows].ravel(),
            "recovered": (B[:, columns] * signs).ravel(),
        }
    )
    return Recovery(B.shape[1], phi, table)


def trait_components(findings: Findings) -> pd.DataFrame:
    """Shares of the variance of a trait by effect, planted beside estimated: ``effect, planted, estimated, low, high``.

    Estimated is the mean over the planted traits of the share of each effect in what respondents of that scale differ in (its G study,
    without item and run effects). Traits are planted independently with the same shares, so the 95 % interval is Student's, over traits.
    Empty where the study is not simulated or no scale has a G study.
    """
    columns = ["effect", "planted", "estimated", "low", "high"]
    if findings.truth is None:
        return pd.DataFrame(columns=columns)
    planted: Mapping[str, float] = findings.truth["component_shares"]
    studies = [findings.value("variance", "g_study", factor, "effects") for factor in findings.truth["factors"]]
    shares = pd.DataFrame([_respondent_shares(effects) for effects in studies if effects]).fillna(0.0)
    if shares.empty:
        return pd.DataFrame(columns=columns)
    shares = shares.reindex(columns=[*planted, *(name for name in shares if name not in planted)], fill_value=0.0)
    mean, n = shares.mean(), len(shares)
    half = t.ppf(0.975, n - 1) * shares.std(ddof=1) / np.sqrt(n) if n > 1 else mean * np.nan
    return pd.DataFrame(
        {
            "effect": shares.columns,
            "planted": [planted.get(effect, 0.0) for effect in shares],
            "estimated": mean.to_numpy(),
            "low": (mean - half).clip(lower=0.0).to_numpy(),
            "high": (mean + half).clip(upper=1.0).to_numpy(),
        }
    )


def trait_correlation_error(findings: Findings, level: str) -> float | None:
    """Mean absolute difference between correlations of scales at a level and those of the planted traits of the same respondents.

    None where the study is not simulated or the level is null. Placebo personas are left out, as the analysis leaves them out.
    """
    entry = findings.value("correlations", level)
    if findings.truth is None or entry is None:
        return None
    factors = list(findings.truth["factors"])
    traits = pd.DataFrame(findings.truth["traits"])
    traits = traits[~traits["persona"].isin(findings.document["data"].get("placebo_personas") or [])]
    planted = pd.DataFrame(np.corrcoef(np.array(traits["values"].tolist()).T), index=factors, columns=factors)
    found = pd.DataFrame(np.array(entry["matrix"], dtype=float), index=entry["variables"], columns=entry["variables"])
    shared = [factor for factor in factors if factor in found.index]
    upper = np.triu_indices(len(shared), 1)
    differences = (found.loc[shared, shared].to_numpy() - planted.loc[shared, shared].to_numpy())[upper]
    return float(np.nanmean(np.abs(differences))) if np.isfinite(differences).any() else None


def _respondent_shares(effects: Mapping[str, Mapping[str, float] | None]) -> dict[str, float]:
    estimates = {
        name: component["estimate"]
        for name, component in effects.items()
        if component is not None and set(name.split(":")) <= _RESPONDENT_FACETS
    }
    total = sum(estimates.values())
    return {name: estimate / total for name, estimate in estimates.items()} if total > 0 else {}

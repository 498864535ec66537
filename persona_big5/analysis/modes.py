"""Sampled answers and expected scores in one table: which of them are analysed, and how the two compare."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import scipy.stats

from persona_big5.analysis.document import Missing
from persona_big5.store.longtable import KEY

if TYPE_CHECKING:
    from persona_big5.variance.groups import FloatArray

SAMPLE, PROBABILITY = "sample", "probability"
SAME_CELL = tuple(column for column in KEY if column not in ("answer_mode", "run"))
EXACT = 1e-9
"""Bounds of a variance that are closer than this are one number."""
FEWEST_CELLS = 4
"""Cells below which the mean variance of their runs has no interval."""


def one_mode(frame: pd.DataFrame) -> pd.DataFrame:
    """Keep the answers of the mode that answered most cells (the sampled ones in a tie), and note what to mind.

    An expected score has no sampling noise: as a run beside sampled answers it would make run variance too small.
    """
    modes = frame["answer_mode"].astype(object).unique()
    chosen, kept, notes = modes[0], frame, list(frame.attrs.get("notes", []))
    if len(modes) > 1:
        cells = frame[frame["score"].notna()].drop_duplicates([*SAME_CELL, "answer_mode"])
        answered = {name: int((cells["answer_mode"] == name).sum()) for name in sorted(modes)}
        chosen = max(answered, key=lambda name: (answered[name], name == SAMPLE))
        kept = frame[frame["answer_mode"] == chosen]
        others = ", ".join(f"{name} ({count:,})" for name, count in answered.items() if name != chosen)
        notes.append(
            f"answers of several modes: {chosen} is analysed ({answered[chosen]:,} cells answered); {others} is not, "
            "and is used only where the modes are compared"
        )
    scored = kept["score"].notna()
    if chosen == PROBABILITY and (fallen := int((_fell_back(kept) & scored).sum())):
        notes.append(
            f"{fallen:,} of {int(scored.sum()):,} answers in mode {PROBABILITY} were read from the reply's text, "
            "because the probabilities of the options were not to be had: they are sampled answers, with their noise"
        )
    kept = kept.copy(deep=False)
    kept.attrs["notes"] = notes
    return kept


def _fell_back(frame: pd.DataFrame) -> pd.Series[bool]:
    return frame["scored_from"].astype(object) == "reply"


def expected_share(frame: pd.DataFrame) -> float:
    """Share of the scores of a table (of one mode) that are expected ones, not sampled."""
    expected = (frame["answer_mode"].astype(object) == PROBABILITY) & ~_fell_back(frame)
    return float(expected[frame["score"].notna()].mean())


def probability_entry(frame: pd.DataFrame) -> dict[str, Any] | Missing:
    """``probability``: what the option probabilities are like, and whether sampled answers vary as they say.

    Parameters
    ----------
    frame
        Long table of all modes. A cell is all of its key but mode and run; where it was asked in probability mode more
        than once, it counts once, with the means of what its replies say.

    Returns
    -------
    entry
        ``n_cells`` with a score in probability mode, ``n_fallback`` of them read from the reply's text alone; means of
        the options' mass and entropy (nats); ``share_exact``, of the cells scored from probabilities those whose
        sampling variance is known exactly; the mean bounds of that variance (``sampling_variance``), and for the
        ``n_cells_compared``, which were also sampled at least twice, each item in a call of its own, these bounds again
        (``sampling_variance_compared``) beside the mean variance of their runs (``observed_run_variance``, with the
        95 % interval over cells by Student's t: isolated cells are asked independently); all again ``by_llm``.

    Notes
    -----
    Variances are in squared points of the response scale, or of scales brought to width 1 where items differ in it.
    Sampling variance is what drawing an answer again adds; the observed one has in it also what else differs between
    calls, and less where a server samples from fewer tokens than the settings sent say (by a top_k, top_p or min_p of
    its own). It never stands in for the run variance of other figures.
    """
    mode = frame["answer_mode"].astype(object)
    scored = frame[(mode == PROBABILITY) & frame["score"].notna()]
    if scored.empty:
        return Missing("no answers in mode `probability`")
    unit = _squared_unit(frame)
    cells = scored[list(SAME_CELL)].astype(object)
    cells["fell_back"] = _fell_back(scored)
    cells[["option_mass", "option_entropy"]] = scored[["option_mass", "option_entropy"]].astype(float)
    bounds = ["sampling_variance_low", "sampling_variance_high"]
    cells[bounds] = scored[bounds].astype(float).div(unit, axis=0)
    cells = _each_once(cells)
    sampled = frame[(mode == SAMPLE) & frame["score"].notna() & (frame["layout"].astype(object) == "isolated")]
    sampled = sampled[list(SAME_CELL)].astype(object).assign(run_variance=sampled["score"] / np.sqrt(unit))
    cells = cells.join(sampled.groupby(list(SAME_CELL))["run_variance"].var(ddof=1), on=list(SAME_CELL))
    by_llm = [
        {"llm": llm, "variant": variant, **_compare(own)} for (llm, variant), own in cells.groupby(["llm", "variant"])
    ]
    return {**_compare(cells), "by_llm": by_llm}


def _each_once(askings: pd.DataFrame) -> pd.DataFrame:
    """One row per cell: the means over its askings scored from probabilities, where there are any."""
    means = askings.groupby([*SAME_CELL, "fell_back"], sort=False, as_index=False).mean()
    return means.sort_values("fell_back", kind="stable").drop_duplicates(list(SAME_CELL))


def _squared_unit(frame: pd.DataFrame) -> pd.Series[float]:
    """Give the square of each row's unit: 1, or the width of its response scale where items differ in it."""
    width = (frame["score_max"] - frame["score_min"]).astype(float)
    differ = width.notna().all() and width.min() < width.max()
    return width**2 if differ else pd.Series(1.0, index=frame.index)


def _compare(cells: pd.DataFrame) -> dict[str, Any]:
    known = cells[~cells["fell_back"] & cells["sampling_variance_low"].notna()]
    compared = known[known["run_variance"].notna()]
    fell_back = Missing("no score comes from the probabilities of the options")
    alone = Missing("no cell scored from probabilities was also sampled twice, each item in a call of its own")
    low, high = _interval(compared["run_variance"].to_numpy())
    too_few = alone if compared.empty else Missing(f"fewer than {FEWEST_CELLS} cells")
    exact = known["sampling_variance_high"] - known["sampling_variance_low"] <= EXACT
    return {
        "n_cells": len(cells),
        "n_fallback": int(cells["fell_back"].sum()),
        "mean_option_mass": fell_back if known.empty else known["option_mass"].mean(),
        "mean_entropy": fell_back if known.empty else known["option_entropy"].mean(),
        "share_exact": fell_back if known.empty else exact.mean(),
        "sampling_variance": fell_back if known.empty else _bounds(known),
        "sampling_variance_compared": alone if compared.empty else _bounds(compared),
        "observed_run_variance": alone if compared.empty else compared["run_variance"].mean(),
        "observed_ci_low": too_few if low is None else low,
        "observed_ci_high": too_few if high is None else high,
        "n_cells_compared": len(compared),
    }


def _bounds(cells: pd.DataFrame) -> dict[str, float]:
    return {"low": cells["sampling_variance_low"].mean(), "high": cells["sampling_variance_high"].mean()}


def _interval(variances: FloatArray) -> tuple[float, float] | tuple[None, None]:
    n = len(variances)
    if n < FEWEST_CELLS:
        return None, None
    half = scipy.stats.t.ppf(0.975, n - 1) * variances.std(ddof=1) / np.sqrt(n)
    return max(float(variances.mean() - half), 0.0), float(variances.mean() + half)

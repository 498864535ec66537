"""Long tables made of numbers whose truth is known."""

from __future__ import annotations

import numpy as np
import pandas as pd


def long_table(scores, n_llms, n_personas, runs):
    """(llms x personas x runs, items) to the long table, items keyed in turn +1, -1, two scales."""
    rows, item = (axis.ravel() for axis in np.indices(scores.shape))
    llm, persona, run = np.unravel_index(rows, (n_llms, n_personas, runs))
    return pd.DataFrame(
        {
            "llm": np.char.add("llm-", llm.astype(str)),
            "variant": "none",
            "persona": np.char.add("p", persona.astype(str)),
            "item_id": np.char.add("i", item.astype(str)),
            "run": run.astype(str),
            "wave": "1",
            "session": rows.astype(str),
            "scale": np.where(item % 4 < 2, "one", "two"),
            "keyed": np.where(item % 2 == 0, 1, -1),
            "score_min": 1.0,
            "score_max": 5.0,
            "state": None,
            "score": scores.ravel(),
        }
    )

"""Tables that the statistics are timed on: answers of people and of llms where they are at hand, else generated alike.

    python -m benchmarks.statistics_data FOLDER

Answers at hand are those of a folder ``shared`` beside the checkout, which the program itself never needs.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Callable

SHARED = Path(__file__).resolve().parents[2] / "shared"
LLMS, PERSONAS, RUNS, ITEMS = 20, 477, 10, 105
"""Of the table of ten million rows."""
FORM, BFI, GSTUDY, MFQ, MILLIONS = "form.csv", "bfi.csv", "gstudy.csv", "mfq.csv.gz", "millions.parquet"


def people(n: int, n_items: int, n_options: int, missing: float = 0.0) -> pd.DataFrame:
    """Ordered answers with five factors, skewed more or less, half of the items reversed."""
    random = np.random.default_rng(n_items)
    loadings = np.zeros((n_items, 5))
    loadings[np.arange(n_items), np.arange(n_items) % 5] = random.choice([-1, 1], n_items) * random.uniform(
        0.4, 0.8, n_items
    )
    unique = np.sqrt(1 - (loadings**2).sum(axis=1))
    latent = random.normal(size=(n, 5)) @ loadings.T + unique * random.normal(size=(n, n_items))
    cuts = np.linspace(-1.5, 1.5, n_options - 1)
    answers = np.stack([1.0 + np.digitize(x, cuts + random.uniform(-0.5, 0.5)) for x in latent.T], axis=1)
    answers[random.random(answers.shape) < missing] = np.nan
    return pd.DataFrame(answers, columns=[f"item{i + 1}" for i in range(n_items)])


def crossed_table(sizes: dict[str, int], seed: int, n_options: int | None = None) -> pd.DataFrame:
    """Every combination of the columns' levels once, in random order, with main effects and noise as ``score``."""
    random = np.random.default_rng(seed)
    rows = random.permutation(int(np.prod(list(sizes.values()))))
    codes = np.unravel_index(rows, tuple(sizes.values()))
    score = random.normal(size=len(rows)).astype(np.float32)
    for code, size in zip(codes, sizes.values(), strict=True):
        score += 0.7 * random.normal(size=size).astype(np.float32)[code]
    if n_options:
        score = np.digitize(score, np.linspace(-2, 2, n_options - 1)).astype(np.float32)
    columns = {
        column: pd.Categorical.from_codes(code, [f"{column}-{i:03}" for i in range(size)])
        for code, (column, size) in zip(codes, sizes.items(), strict=True)
    }
    return pd.DataFrame({**columns, "score": score})


def small_survey() -> pd.DataFrame:
    """As many answers as the Moral Foundations Questionnaire got from 18 llms under 100 personas."""
    table = crossed_table({"llm": 18, "persona": 100, "run": 10, "item_id": 30}, 2, n_options=6)
    item = table["item_id"].cat.codes
    return table.assign(scale=np.char.add("scale-", (item % 5).astype(str)), keyed=1)


def bfi() -> pd.DataFrame:
    return pd.read_csv(SHARED / "reference" / "data" / "bfi.csv").iloc[:, :25]


def gstudy() -> pd.DataFrame:
    table = pd.read_csv(SHARED / "reference" / "data" / "sim_gstudy.csv.gz")
    return table.rename(columns={"model": "llm", "y": "score"})


def mfq() -> pd.DataFrame:
    return pd.read_csv(SHARED / "real" / "mfq_base" / "long.csv.gz")


TABLES: dict[str, tuple[Callable[[], pd.DataFrame] | None, Callable[[], pd.DataFrame]]] = {
    FORM: (None, lambda: people(4000, 135, 5)),
    BFI: (bfi, lambda: people(2800, 25, 6, missing=0.01)),
    GSTUDY: (gstudy, lambda: crossed_table({"llm": 8, "persona": 20, "item": 12, "run": 5}, 1)),
    MFQ: (mfq, small_survey),
    MILLIONS: (None, lambda: crossed_table({"llm": LLMS, "persona": PERSONAS, "run": RUNS, "item_id": ITEMS}, 3, 5)),
}
"""By file: the answers at hand, if there can be any, and what is generated in their place."""


def write_tables(folder: Path, names: list[str]) -> dict[str, bool]:
    """Write tables; by name, whether answers that should be at hand had to be generated."""
    generated = {}
    for name in names:
        at_hand, stand_in = TABLES[name]
        real = at_hand is not None and SHARED.is_dir()
        table = at_hand() if at_hand is not None and real else stand_in()
        if name.endswith(".parquet"):
            table.to_parquet(folder / name, index=False)
        else:
            table.to_csv(folder / name, index=False)
        generated[name] = at_hand is not None and not real
    return generated


if __name__ == "__main__":
    print(json.dumps(write_tables(Path(sys.argv[1]), list(TABLES))))

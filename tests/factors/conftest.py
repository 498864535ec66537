"""Reference numbers from R, and the scores they were computed from."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from threadpoolctl import threadpool_limits

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DATA_FILES = {
    "bfi": "bfi.csv",
    "sai": "sai.csv",
    "msqR": "msqR.csv.gz",
    "sim_ordinal": "sim_ordinal.csv.gz",
    "sim_two_level": "sim_two_level.csv.gz",
}


@dataclass(frozen=True)
class Reference:
    folder: Path

    def read(self, dataset: str, file: str) -> dict:
        return json.loads((self.folder / "ref" / dataset / f"{file}.json").read_text())

    @staticmethod
    def matrix(entry: dict) -> np.ndarray:
        return np.array(entry["data"], dtype=float)

    def correlation(self, dataset: str, kind: str) -> np.ndarray:
        if kind == "pearson":
            return self.matrix(self.read(dataset, "cor")["pearson_pairwise"])
        return self.matrix(self.read(dataset, "polychoric")["rho"])

    def scores(self, dataset: str) -> np.ndarray:
        """Rows and items as the reference used them: first administration, complete rows of msqR."""
        frame = pd.read_csv(self.folder / "data" / DATA_FILES[dataset])
        if dataset in ("sai", "msqR"):
            frame = frame[frame["time"] == 1]
        frame = frame[self.read(dataset, "cor")["pearson_pairwise"]["rows"]]
        return (frame.dropna() if dataset == "msqR" else frame).to_numpy(float)


@pytest.fixture(scope="session", autouse=True)
def one_blas_thread() -> Iterator[None]:
    """As in the program: with more, matrices this small take many times as long."""
    with threadpool_limits(1):
        yield


@pytest.fixture(scope="session")
def reference(shared: Path) -> Reference:
    return Reference(shared / "reference")


@pytest.fixture(params=list(DATA_FILES))
def dataset(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(params=["pearson", "polychoric"])
def kind(request: pytest.FixtureRequest) -> str:
    return request.param

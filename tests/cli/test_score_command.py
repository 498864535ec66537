"""The command score, on a database of simulated llms."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import pytest
import yaml
from typer.testing import CliRunner

from persona_big5.cli.main import app
from persona_big5.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path


def survey(folder: Path, questionnaire: str, items: list[str]) -> Path:
    study = {
        "study": "s",
        "seed": 1,
        "questionnaires": [questionnaire],
        "items": items,
        "llms": [{"name": "simulated/aspen"}],
        "administration": {"option_order": ["forward", "reversed"]},
    }
    (folder / "study.yaml").write_text(yaml.safe_dump(study))
    db = folder / "study.duckdb"
    result = CliRunner().invoke(app, ["run", str(folder / "study.yaml"), "--db", str(db)])
    assert result.exit_code == 0, result.output
    return db


def test_each_kind_has_its_table_beside_the_database(tmp_path: Path) -> None:
    db = survey(tmp_path, "situations", [f"situation-guardedness-{n}" for n in range(1, 5)])
    result = CliRunner().invoke(app, ["score", str(db)])
    assert result.exit_code == 0, result.output
    assert f"{tmp_path / 'situations'}.csv: 1 rows" in result.output
    scores = pd.read_csv(tmp_path / "situations.csv")
    assert scores["scale"].tolist() == ["guardedness"]
    assert scores["n_vignettes"].item() <= 4
    assert -1 <= scores["mean"].item() <= 1
    assert (tmp_path / "places.csv").exists()
    assert not (tmp_path / "aims.csv").exists()


def test_statements_alone_are_a_mistake_in_words(tmp_path: Path) -> None:
    db = survey(tmp_path, "broad-five", ["warmth-1"])
    result = CliRunner().invoke(app, ["score", str(db)])
    with pytest.raises(DataError, match="has no answers to chances, divided points, situations"):
        raise result.exception

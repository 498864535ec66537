"""An analysed folder as read from disk: what was found, why the rest was not, and what was planted."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from persona_big5.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping

SCHEMA_VERSION = 1
_NEEDED = (
    "verdict",
    "data",
    "variance",
    "correlations",
    "retention",
    "factors",
    "reliability",
    "provenance",
    "reasons",
)


@dataclass(frozen=True)
class Findings:
    """What a folder of results holds.

    Attributes
    ----------
    folder
        Where the files lie.
    document
        ``analysis.json``.
    truth
        ``truth.json`` of a simulated study, else None. Only the comparison of planted with recovered may read it;
        everybody
        may ask whether it is there.
    """

    folder: Path
    document: Mapping[str, Any]
    truth: Mapping[str, Any] | None

    @property
    def is_simulated(self) -> bool:
        """Whether the llms that answered are simulated ones."""
        return self.truth is not None

    def value(self, *path: str) -> Any:  # noqa: ANN401  (a JSON value)
        """Return the value at a path of keys, None where it or anything above it is null or absent."""
        found: Any = self.document
        for key in path:
            if not isinstance(found, dict) or key not in found:
                return None
            found = found[key]
        return found

    def reason(self, *path: str) -> str:
        """Return why the value at a path of keys is null: its own reason, or that of the nearest null above it."""
        reasons = self.document["reasons"]
        for length in range(len(path), 0, -1):
            if (place := ".".join(path[:length])) in reasons:
                return str(reasons[place])
        return "not in this analysis"

    @property
    def n_respondents(self) -> int:
        """How many respondents were analysed: without placebo personas, where that is known."""
        return int(self.value("correlations", "means", "n") or self.document["data"]["n_respondents"])

    @property
    def reported_level(self) -> str:
        """The level to trust; ``respondent``, run noise removed, where none is recommended."""
        return self.value("recommended_level", "level") or "respondent"

    @cached_property
    def items(self) -> pd.DataFrame:
        """The items, one row each: ``item_id``, ``scale`` (``all`` where none is known), ``keyed``."""
        columns = ["item_id", "scale", "keyed"]
        items = pd.read_parquet(_file(self.folder, "long.parquet"), columns=columns).drop_duplicates("item_id")
        return items.astype({"scale": object, "keyed": float}).fillna({"scale": "all", "keyed": 1.0})


def load_findings(folder: str | Path) -> Findings:
    """Read the results of an analysis.

    Parameters
    ----------
    folder
        Where ``analysis.json`` and its Parquet tables were written; ``truth.json`` beside it says that the llms are
        simulated.

    Raises
    ------
    DataError
        ``analysis.json`` is missing, is no JSON, or is not of this schema; ``truth.json`` is no JSON.
    """
    folder = Path(folder)
    path = _file(folder, "analysis.json")
    document = _read_json(path)
    version = document.get("schema_version")
    if version != SCHEMA_VERSION:
        raise DataError(
            f"{path} has schema_version {version!r}, this program reads {SCHEMA_VERSION}; analyse the answers again"
        )
    if missing := [key for key in _NEEDED if not isinstance(document.get(key), dict)]:
        raise DataError(f"{path} lacks {', '.join(missing)}: no whole analysis; analyse the answers again")
    truth = folder / "truth.json"
    return Findings(folder, document, _read_json(truth) if truth.is_file() else None)


def _file(folder: Path, name: str) -> Path:
    path = folder / name
    if not path.is_file():
        raise DataError(f"no {name} in {folder}; write it first: persona-big5 analyze DB --out {folder}")
    return path


def _read_json(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise DataError(f"{path} cannot be read as JSON ({error}); analyse the answers again") from error
    if not isinstance(document, dict):
        raise DataError(f"{path} holds no JSON object; analyse the answers again")
    return document

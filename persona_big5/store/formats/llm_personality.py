"""LLMPersonality's results in JSON, and the table of means that they and PsychoBench publish."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from persona_big5.errors import DataError
from persona_big5.questionnaire.formats.shape import expect, part
from persona_big5.store.formats.reported import Reported, numbered_within

if TYPE_CHECKING:
    from pathlib import Path


def is_cased(data: object) -> bool:
    """Tell whether JSON is LLMPersonality's results: ``{meta, data: [{info, raw, data}]}``."""
    return isinstance(data, dict) and {"meta", "data"} <= data.keys()


def read_cased(path: Path, data: object) -> Reported:
    """Read LLMPersonality's results: ``raw`` holds answers in raw direction, in the order in which they were asked.

    Template, version, language and label style make the wording; what was appended to the prompt is the persona.
    """
    rows: list[dict[str, Any]] = []
    for entry, one in enumerate(part(expect(data, dict, str(path)), "data", list, str(path)), start=1):
        place = f"{path}: data[{entry - 1}]"
        record = expect(one, dict, place)
        info = part(record, "info", dict, place)
        cell = {
            "persona": str(info.get("append_label", "none")),
            "wording": "-".join(str(info[key]) for key in ("template", "version", "language", "label") if key in info),
            "option_order": {"f": "forward", "r": "reversed"}.get(str(info.get("order", "f")), str(info.get("order"))),
            "session": f"entry {entry}",
            "layout": "block",
        }
        for position, (item, score) in enumerate(part(record, "raw", dict, place).items(), start=1):
            rows.append({**cell, "item_id": item, "position": position, "score": score})
    if not rows:
        raise DataError(f"{path}: has no answers")
    frame = pd.DataFrame(rows)
    return Reported(frame.assign(run=numbered_within(frame, ["persona", "wording", "option_order", "item_id"])))


def is_leaderboard(data: object) -> bool:
    """Tell whether JSON is PsychoBench's table of means: questionnaire, model, category, number."""
    if not isinstance(data, dict) or not data:
        return False
    models = next(iter(data.values()))
    return isinstance(models, dict) and "Crowd" in models

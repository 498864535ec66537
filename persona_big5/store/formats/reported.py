"""What a reader of a result format finds: a table whose columns are named as the long table's, and what to mind.

Beside the long table's columns it may have ``item_text``, ``options`` (a `questionnaire.formats.Options`, or None) and
``cut_off`` (true where the reply ended at a limit of length): what a reply is read by. Columns of other names are kept:
they may be mapped, and are named where they are left out.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

OPTIONS, ITEM_TEXT, CUT_OFF = "options", "item_text", "cut_off"


@dataclass(frozen=True)
class Reported:
    """Answers that others collected, before they are brought into the long table."""

    frame: pd.DataFrame
    notes: list[str] = field(default_factory=list)


def numbered_within(frame: pd.DataFrame, columns: list[str]) -> pd.Series:
    """Count from 1 the rows that are alike in these columns, in their order: the runs of one cell."""
    return frame.groupby(columns, sort=False, dropna=False).cumcount() + 1


def without_invalid(scores: pd.Series, notes: list[str]) -> pd.Series:
    """Take -1 for an answer that could not be read, where nothing else is below 0; say how many."""
    invalid = scores.eq(-1)
    if invalid.any() and not scores.lt(-1).any():
        notes.append(f"-1 is taken as no valid answer: {int(invalid.sum()):,} of {len(scores):,}")
        return scores.mask(invalid)
    return scores

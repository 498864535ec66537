"""Which variables of a wide table can be correlated: its items but for the useless ones, or its scales."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from persona_big5.analysis.document import Missing
from persona_big5.analysis.structure import UNITS_PER_SCALE
from persona_big5.errors import DataError
from persona_big5.factors.correlation import pearson
from persona_big5.validity.reliability import mean_of_answered

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from persona_big5.variance.groups import FloatArray

    Keys = Mapping[str, Sequence[tuple[str, int]]]

FEWEST_ITEMS = 3
_PERFECT = 1 - 1e-10


@dataclass(frozen=True, slots=True)
class WideTable:
    """Keyed scores of the variables that can be correlated, and what had to be left out.

    Attributes
    ----------
    names
        Of the p variables.
    scores
        Shape (n, p), keyed; NaN is a missing answer. No row is without any, no variable constant.
    keyed
        Signs back to raw direction (p,).
    unit
        ``items``, or ``scales`` where there were too few rows for items.
    notes
        What was left out, and how many answers are missing.
    """

    names: tuple[str, ...]
    scores: FloatArray
    keyed: FloatArray
    unit: str
    notes: tuple[str, ...]

    @property
    def n_rows(self) -> int:
        """Rows with at least one answer."""
        return len(self.scores)

    @property
    def too_few_rows(self) -> Missing | None:
        """Why there can be no factors, if there are no more rows than variables."""
        if self.n_rows > len(self.names):
            return None
        return Missing(f"{self.n_rows} rows are too few for {len(self.names)} {self.unit}")

    @classmethod
    def of(cls, frame: pd.DataFrame, keys: Keys | None) -> WideTable:
        """Take out of a frame what can be correlated; see ``factor_wide``."""
        frame = frame.rename(columns=str)
        if len(twice := frame.columns[frame.columns.duplicated()]):
            raise DataError(f"more than one column is called {twice[0]!r}; give every item a name of its own")
        signs = _signs(frame, keys)
        items = list(signs) if keys else list(frame.columns)
        if text := [item for item in items if not pd.api.types.is_numeric_dtype(frame[item])]:
            raise DataError(f"columns {', '.join(map(repr, text))} hold text, not answers; name the items with --items")
        scores = frame[items].to_numpy(dtype=float, na_value=np.nan)
        if infinite := [item for item, column in zip(items, scores.T, strict=True) if np.isinf(column).any()]:
            raise DataError(f"columns {', '.join(map(repr, infinite))} hold infinite numbers; leave such cells empty")
        keyed = np.array([signs.get(item, 1) for item in items], dtype=float)
        answered = np.isfinite(scores).any(axis=1)
        notes = []
        if keys and (unkeyed := [column for column in frame.columns if column not in signs]):
            notes.append(f"left out, in no scale of the keys: {', '.join(unkeyed)}")
        if not answered.all():
            notes.append(f"left out, without any answer: {int((~answered).sum())} of {len(scores)} rows")
        table = cls(tuple(items), scores[answered] * keyed, keyed, "items", tuple(notes)).varying().distinct()
        if len(table.names) < FEWEST_ITEMS:
            raise DataError(
                "; ".join([f"{len(table.names)} items that vary; factors need at least {FEWEST_ITEMS}", *table.notes])
            )
        if keys and table.too_few_rows:
            table = table.in_scales(keys)
        return table.counting_missing()

    def with_more_values_than(self, most: int) -> list[str]:
        """Name the variables with more different answers than that."""
        return [name for name, values in zip(self.names, self._values(), strict=True) if values > most]

    def _values(self) -> list[int]:
        """Count the different answers to each variable."""
        return [len(np.unique(column[np.isfinite(column)])) for column in self.scores.T]

    def varying(self) -> WideTable:
        """Leave out variables without two different answers."""
        reasons = {0: "never answered", 1: "always answered alike"}
        return self.without({i: reasons[values] for i, values in enumerate(self._values()) if values in reasons})

    def distinct(self) -> WideTable:
        """Leave out variables that say exactly what one before them says."""
        found = pearson(self.scores)
        alone = np.diag(found.n_pairs)
        same_rows = (found.n_pairs == alone) & (found.n_pairs == alone[:, None])
        repeats = np.triu(same_rows & (np.abs(np.nan_to_num(found.matrix)) > _PERFECT), 1)
        return self.without(
            {
                int(i): f"the same answers as {self.names[repeats[:, i].argmax()]}"
                for i in np.flatnonzero(repeats.any(axis=0))
            }
        )

    def without(self, dropped: Mapping[int, str]) -> WideTable:
        """Leave out variables by their position, and name them with the reason given for each."""
        kept = [i for i in range(len(self.names)) if i not in dropped]
        by_reason: dict[str, list[str]] = {}
        for i, reason in dropped.items():
            by_reason.setdefault(reason, []).append(self.names[i])
        notes = [f"dropped, {reason}: {', '.join(names)}" for reason, names in by_reason.items()]
        return WideTable(
            tuple(self.names[i] for i in kept),
            self.scores[:, kept],
            self.keyed[kept],
            self.unit,
            (*self.notes, *notes),
        )

    def in_scales(self, keys: Keys) -> WideTable:
        """Put keyed means of scales in place of items, if there are enough scales, and rows for them."""
        members = {
            scale: [self.names.index(item) for item, _ in listed if item in self.names]
            for scale, listed in keys.items()
        }
        members = {scale: items for scale, items in members.items() if items}
        if len(members) < FEWEST_ITEMS or self.n_rows < UNITS_PER_SCALE * len(members):
            return self
        scores = np.stack([mean_of_answered(self.scores[:, items]) for items in members.values()], axis=1)
        note = f"{self.n_rows} rows for {len(self.names)} items: means of {len(members)} scales take their place"
        scales = WideTable(tuple(members), scores, np.ones(len(members)), "scales", (*self.notes, note))
        scales = scales.varying().distinct()
        return scales if len(scales.names) >= FEWEST_ITEMS else self

    def counting_missing(self) -> WideTable:
        """Note how many answers each variable lacks."""
        missing = np.isnan(self.scores).sum(axis=0)
        counts = ", ".join(f"{name} {count}" for name, count in zip(self.names, missing, strict=True) if count)
        if not counts:
            return self
        note = f"missing answers, of {self.n_rows} rows: {counts}; each correlation uses the rows with both answers"
        return replace(self, notes=(*self.notes, note))


def _signs(frame: pd.DataFrame, keys: Keys | None) -> dict[str, int]:
    signs: dict[str, int] = {}
    for listed in (keys or {}).values():
        for item, sign in listed:
            if signs.setdefault(item, sign) != sign:
                raise DataError(f"the keys turn item {item!r} both ways; one table of loadings needs one direction")
    if absent := [item for item in signs if item not in frame.columns]:
        raise DataError(f"the keys name items that the table does not have: {', '.join(absent)}")
    return signs

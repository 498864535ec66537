"""Which administrations need no further asking, in 16 bytes each: a survey may have millions."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from persona_big5.store.records import OPEN_STATES

if TYPE_CHECKING:
    from collections.abc import Iterator

    import duckdb

_SETTLED = """
SELECT ('0x' || left(administration, 16))::UBIGINT AS high, ('0x' || right(administration, 16))::UBIGINT AS low
FROM answer WHERE state NOT IN (SELECT unnest($1)) ORDER BY high, low
"""
_ROWS_AT_ONCE = 10_000


@dataclass(frozen=True, slots=True, eq=False)
class SettledIds(AbstractSet[str]):
    """A set of ids of 32 hexadecimal digits, sorted: ``high`` are the first 16 as numbers, ``low`` the others."""

    high: array[int] = field(default_factory=lambda: array("Q"))
    low: array[int] = field(default_factory=lambda: array("Q"))

    def __contains__(self, administration: object) -> bool:
        high, low = int(str(administration)[:16], 16), int(str(administration)[16:], 16)
        place = bisect_left(self.high, high)
        while place < len(self.high) and self.high[place] == high:
            if self.low[place] == low:
                return True
            place += 1
        return False

    def __iter__(self) -> Iterator[str]:
        return (f"{high:016x}{low:016x}" for high, low in zip(self.high, self.low, strict=True))

    def __len__(self) -> int:
        return len(self.high)


def settled_ids(connection: duckdb.DuckDBPyConnection) -> SettledIds:
    """Read which administrations have a state that is data."""
    ids = SettledIds()
    found = connection.execute(_SETTLED, [sorted(OPEN_STATES)])
    while rows := found.fetchmany(_ROWS_AT_ONCE):
        ids.high.extend(high for high, _ in rows)
        ids.low.extend(low for _, low in rows)
    return ids

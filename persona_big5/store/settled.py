"""Which administrations need no further asking, in 16 bytes each: a survey may have millions."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from persona_big5.store.records import OPEN_STATES

if TYPE_CHECKING:
    from collections.abc import Iterator

    import duckdb
    from numpy.typing import NDArray

_SETTLED = """
SELECT ('0x' || left(administration, 16))::UBIGINT AS high, ('0x' || right(administration, 16))::UBIGINT AS low
FROM answer WHERE state NOT IN (SELECT unnest($1)) ORDER BY high, low
"""


@dataclass(frozen=True, slots=True, eq=False)
class SettledIds(AbstractSet[str]):
    """A set of ids of 32 hexadecimal digits, sorted: ``high`` are the first 16 as numbers, ``low`` the others."""

    high: NDArray[np.uint64]
    low: NDArray[np.uint64]

    def __contains__(self, administration: object) -> bool:
        high, low = np.uint64(int(str(administration)[:16], 16)), int(str(administration)[16:], 16)
        place = int(self.high.searchsorted(high))
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
    columns = connection.execute(_SETTLED, [sorted(OPEN_STATES)]).fetchnumpy()
    return SettledIds(*(np.asarray(columns[half], dtype=np.uint64) for half in ("high", "low")))

"""The compact set of ids against Python's own set."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from persona_big5.store.settled import SettledIds

# Few different digits, so that ids share their first half.
IDS = st.sets(st.tuples(*[st.sampled_from(["0" * 16, "0" * 15 + "1", "8" + "0" * 15, "f" * 16])] * 2).map("".join))


def compact(ids: set[str]) -> SettledIds:
    halves = [(int(one[:16], 16), int(one[16:], 16)) for one in sorted(ids)]
    return SettledIds(*(np.array([half[part] for half in halves], dtype=np.uint64) for part in (0, 1)))


@given(IDS, IDS)
def test_it_holds_what_it_was_given_and_nothing_else(ids: set[str], others: set[str]) -> None:
    settled = compact(ids)
    assert settled == ids
    assert len(settled) == len(ids)
    assert {other for other in others if other in settled} == ids & others
    assert (settled.high.nbytes + settled.low.nbytes) == 16 * len(ids)

"""A fraction of a crossed design: in each run, each item is asked in one manner, dealt so that manners can be compared.

Manners are the combinations of wording, option order, format and reasoning, C of them. The levels of each facet of
administration are added modulo their number, as in a Latin square: an item starts at one manner, its group shifts it,
and each run shifts it on. So

- every respondent is asked the same item of the same run in the same manner: respondents stay comparable;
- in every run, within each group (the items of one scale and key), every manner is met by as many items as any other,
  give or take one, and so is every level of each facet; what groups of few items leave uneven may add up over them;
- over C runs every item meets every manner, and over fewer runs the levels of each facet about equally often.

The shifts of the groups are drawn without replacement, for each questionnaire, and so is which of C neighbours in the
file starts where within its group, all from the study's seed. An item added at the end of its group deals its own C
neighbours anew at most.

What is dealt is a session. Blocks of a fixed order are dealt as items are. Where blocks are shuffled, all blocks over
one response scale are asked in the same manner in a run, so that every item is asked once; so are the items of a
conversation.
"""

from __future__ import annotations

from math import lcm
from typing import TYPE_CHECKING

from persona_big5.study.draws import generator, shuffled
from persona_big5.study.model import Manner

if TYPE_CHECKING:
    from collections.abc import Sequence

    from persona_big5.questionnaire.model import Questionnaire
    from persona_big5.study.model import Study


class Fraction:
    """The manners that a study deals to the sessions of each questionnaire."""

    def __init__(self, study: Study) -> None:
        design = study.administration
        self._seed = study.seed
        self._levels = (design.wording, design.option_order, design.format, design.reasoning)
        self._cycle = _cycle([len(levels) for levels in self._levels])
        self._shifts = {
            questionnaire.id: shuffled(self._cycle, generator(study.seed, "fraction", questionnaire.id))
            for questionnaire in study.questionnaires
        }

    def manner(self, questionnaire: str, group: int, start: int, run: int) -> Manner:
        """Return the manner of a session in a run (from 1); ``start`` is its place in its group, both from 0."""
        many = len(self._cycle)
        item, turn = self._cycle[start % many], self._cycle[(run - 1) % many]
        steps = zip(item, self._shifts[questionnaire][group % many], turn, strict=True)
        return Manner(*(names[sum(step) % len(names)] for names, step in zip(self._levels, steps, strict=True)))

    def starts(self, questionnaire: Questionnaire) -> dict[str, tuple[int, int]]:
        """Return (group, start) of each isolated item by its id."""
        groups: dict[tuple[str, int], list[str]] = {}
        for item in questionnaire.items:
            groups.setdefault((item.scale, item.key), []).append(item.id)
        found: dict[str, tuple[int, int]] = {}
        neighbours = len(self._cycle)
        for group, (name, ids) in enumerate(groups.items()):
            for first in range(0, len(ids), neighbours):
                draw = generator(self._seed, "fraction", questionnaire.id, name, first)
                dealt = shuffled(ids[first : first + neighbours], draw)
                found |= {item: (group, first + place) for place, item in enumerate(dealt)}
        return found


def _cycle(sizes: Sequence[int]) -> list[tuple[int, ...]]:
    """Return every combination of levels once, so that every beginning meets each facet's levels equally often.

    Each facet steps through its levels, and skips one when its pairs with the combinations before would come again.
    """
    cycle: list[tuple[int, ...]] = [()]
    for size in sizes:
        again = lcm(len(cycle), size)
        cycle = [(*cycle[i % len(cycle)], (i + i // again) % size) for i in range(len(cycle) * size)]
    return cycle

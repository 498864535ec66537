"""Facets and effects: which sources of variance a design has, which it can tell apart, what they are called."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from persona_big5.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from persona_big5.variance.groups import Grouping

RESIDUAL = "residual"


@dataclass(frozen=True, slots=True)
class Facet:
    """A source of variance: a column, and the columns it is nested in (empty: crossed with the others)."""

    column: str
    nested_in: tuple[str, ...] = ()
    label: str = ""

    @property
    def name(self) -> str:
        """The label; without one ``run:(llm:persona)`` for a nested facet and the column's name for a crossed one."""
        if self.label or not self.nested_in:
            return self.label or self.column
        return f"{self.column}:({':'.join(self.nested_in)})"


@dataclass(frozen=True, slots=True)
class Effect:
    """A variance component: its name, and the columns whose combinations are its levels."""

    name: str
    columns: frozenset[str]


def parse_facets(spec: str) -> tuple[Facet, ...]:
    """Read facets as a command takes them: ``item,run/model:persona``.

    Facets are separated by commas; ``b/a`` is b nested in a, and ``a:b`` in the nest is a crossed with b.

    Raises
    ------
    DataError
        For an empty name, or a nest within a nest.
    """
    facets = []
    for part in filter(None, (part.strip() for part in spec.split(","))):
        column, _, nest = part.partition("/")
        parents = tuple(parent.strip() for parent in nest.split(":")) if nest else ()
        if not column.strip() or ":" in column or "/" in nest or any(not parent for parent in parents):
            raise DataError(
                f"facet '{part}' is not understood; write 'item', or 'run/llm:persona' for run nested in llm:persona"
            )
        facets.append(Facet(column.strip(), parents))
    return tuple(facets)


def crossing(facets: Sequence[Facet], max_order: int | None = None) -> list[Effect]:
    """Cross facets: every main effect and interaction, and the effect of all facets together.

    Facets keep their order in names. A nested facet brings its parents along, so combinations that only repeat a parent
    fall together. Sorted by number of facets, then by order of the facets.

    Parameters
    ----------
    facets
        Crossed and nested facets of the design.
    max_order
        Largest number of facets in an interaction (the one of all facets apart); None: any number.
    """
    orders = range(1, len(facets) + 1)
    chosen = [order for order in orders if max_order is None or order <= max_order or order == len(facets)]
    effects: dict[frozenset[str], Effect] = {}
    for order in chosen:
        for combination in combinations(facets, order):
            columns = frozenset(column for facet in combination for column in (facet.column, *facet.nested_in))
            effects.setdefault(columns, Effect(_name(combination), columns))
    return list(effects.values())


def _name(combination: Sequence[Facet]) -> str:
    parents = {parent for facet in combination for parent in facet.nested_in}
    return ":".join(facet.name for facet in combination if facet.column not in parents)


@dataclass(frozen=True, slots=True)
class Identified:
    """Effects that the data can tell apart, and the reason why each of the others was left out."""

    effects: tuple[Effect, ...]
    dropped: dict[str, str]


def identified_effects(effects: Iterable[Effect], grouping: Grouping, *, n_observations: float) -> Identified:
    """Leave out effects that have one level, repeat another effect's levels, or are single observations.

    Parameters
    ----------
    effects
        In order of preference: of two effects with the same levels the first is kept.
    grouping
        Carries every column of the effects; the design is judged by the groups that are present.
    n_observations
        Number of observations: an effect with as many levels is the residual.
    """
    kept: list[Effect] = []
    dropped: dict[str, str] = {}
    groupings = {frozenset(grouping.columns): grouping}

    def n_levels(columns: frozenset[str]) -> int:
        if columns not in groupings:
            smallest = min((g for c, g in groupings.items() if columns < c), key=len)
            groupings[columns] = smallest.coarser(columns).grouping
        return len(groupings[columns])

    effects = list(effects)
    for columns in sorted({e.columns for e in effects}, key=len, reverse=True):
        n_levels(columns)  # the finer ones first: the coarser are counted from them
    for effect in effects:
        n = n_levels(effect.columns)
        same = [e.name for e in kept if n_levels(e.columns) == n == n_levels(e.columns | effect.columns)]
        if n < 2:
            dropped[effect.name] = "has one level"
        elif n == n_observations:
            dropped[effect.name] = "every level holds one observation: it is the residual"
        elif same:
            dropped[effect.name] = f"its levels are those of {same[0]}: the two cannot be told apart"
        else:
            kept.append(effect)
    return Identified(tuple(kept), dropped)

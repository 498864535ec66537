"""What the providers of a study did that a reader of its results must know."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from persona_big5.store import long_table, status

if TYPE_CHECKING:
    from os import PathLike

    import pandas as pd

    from persona_big5.store import Status


def study_table(path: str | PathLike[str]) -> pd.DataFrame:
    """Return the long table of a study database (``store.long_table``), what its providers did among its notes.

    Raises
    ------
    StoreError
        Where the database cannot be read.
    """
    frame = long_table(path)
    frame.attrs["notes"] = [*frame.attrs.get("notes", []), *provider_notes(status(path))]
    return frame


def provider_notes(found: Status) -> list[str]:
    """Say in words which models changed, and which did not do what they were asked."""
    notes = []
    for (llm, variant), identities in groupby(found.changed, key=lambda one: (one.llm, one.variant)):
        names = "; ".join(
            f"{' '.join(filter(None, (one.model_returned, one.fingerprint))) or 'no name'}, {one.replies:,} replies "
            f"from {one.first:%Y-%m-%d %H:%M} to {one.last:%Y-%m-%d %H:%M} UTC"
            for one in identities
        )
        notes.append(f"the model behind {llm} / {variant} changed during the study ({names})")
    notes += [
        f"{llm} does not take {', '.join(names)}: asked without, so its settings are not those of the study"
        for llm, names in found.dropped_parameters.items()
    ]
    if found.reasoned_though_off:
        replies = ", ".join(f"{llm} ({count:,})" for llm, count in found.reasoned_though_off.items())
        notes.append(f"reasoning is off, but these llms reasoned in some replies: {replies}")
    if found.lost:
        kinds = ", ".join(f"{count:,} {kind.replace('_', ' ')}" for kind, count in found.lost.items())
        notes.append(f"replies lost in transit ({kinds}): what was asked again is another draw than the one lost")
    return notes

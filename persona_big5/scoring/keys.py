"""What an option shown scores: its value, or what the item's own option at its place stands for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from persona_big5.study.messages import shown_order

if TYPE_CHECKING:
    from persona_big5.study import Administration, Session


def score_of(value: float, session: Session, administration: Administration) -> float:
    """Return the score, in raw direction, of what was answered.

    Parameters
    ----------
    value
        Of an option or a number: itself. Of an action or a statement: its place as shown, from 1. Of aims: the points
        for the one shown first.
    session, administration
        What was asked, in which order.

    Returns
    -------
    float
        The option's value; the number; an action's key; +1 for the statement that stands first in the file and -1 for
        the second; the points for the aim that stands first in the file.
    """
    scale, order = administration.response_scale, shown_order(session, administration)
    match scale.kind:
        case "choice":
            return administration.item.options[order[int(value) - 1]].key
        case "pair":
            return 1.0 if order[int(value) - 1] == 0 else -1.0
        case "split":
            return value if order[0] == 0 else scale.values[-1] - value
        case _:
            return value

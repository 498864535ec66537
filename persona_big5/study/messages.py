"""A session turned into the messages that are sent.

The format, read by the answer parser and by simulated llms:

- the persona's text is the system message; the persona with an empty text has none;
- the turns of a canned context follow;
- one user message ends the conversation: the wording with its item and options, a blank line, and one sentence that
  says how to answer.

Options stand one a line, in the session's order, as ``<value>. <label>``: the number goes with its label under every
order. The offered way out stands last under every order, without a number::

    How well does this describe you?

    I like to meet new people.

    1. Strongly disagree
    2. Disagree
    3. Neither
    4. Agree
    5. Strongly agree
    I would rather not say

    Answer with the number only, or with the words "I would rather not say".

As JSON the sentence is ``Answer with one JSON object only: {"answer": <number>}, …``.

A block puts its statements in the place of the one item, labelled ``S1.``, ``S2.``, … so that no statement's number can
be taken for an option's, and asks for one line each, ``S1: <number>`` (as JSON: one object,
``{"S1": <number>, "S2": <number>, …}``)::

    S1. I like to meet new people.
    S2. I keep my word.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from persona_big5.study.plan import Administration, Session

MESSAGE_FORMAT = 1
"""Number of the format above. It is part of every administration's id: asking in another format is asking anew."""

STOP = "\nQuestion:"
"""Where an llm without a chat template begins to ask itself: its reply ends before."""


@dataclass(frozen=True, slots=True)
class AskedTurn:
    """One request of a session: what the user says last, and the administrations that the reply to it answers."""

    text: str
    administrations: tuple[Administration, ...]


def asked_turns(session: Session) -> tuple[AskedTurn, ...]:
    """Return the turns in which a session is asked, in their order; each is one request."""
    return (AskedTurn(_question(session), session.administrations),)


def session_messages(session: Session, replies: Sequence[str] = ()) -> list[dict[str, str]]:
    """Return the messages of a session's next turn, each ``{"role": system | user | assistant, "content": text}``.

    Parameters
    ----------
    session
        What is asked.
    replies
        What the llm said in the turns before, without its thoughts.
    """
    messages = [{"role": "system", "content": session.persona.text}] if session.persona.text else []
    messages += [{"role": turn.role, "content": turn.text} for turn in session.context.turns]
    turns = asked_turns(session)
    for turn, reply in zip(turns, replies, strict=False):
        messages += [{"role": "user", "content": turn.text}, {"role": "assistant", "content": reply}]
    return [*messages, {"role": "user", "content": turns[len(replies)].text}]


def block_label(position: int) -> str:
    """Return the label of a block's statement; ``position`` counts from 1."""
    return f"S{position}"


def shown_options(session: Session, administration: Administration) -> list[tuple[float | None, str]]:
    """Return (value, label) of the options in the order shown; the way out, where offered, is last and has no value."""
    scale = administration.response_scale
    options: list[tuple[float | None, str]] = list(zip(scale.values, scale.labels, strict=True))
    if session.option_order == "reversed":
        options.reverse()
    return options if scale.decline is None else [*options, (None, scale.decline)]


def shown_value(value: float) -> str:
    """Return an option's value as it is shown: whole numbers without a decimal point."""
    return str(int(value)) if value.is_integer() else str(value)


def _question(session: Session) -> str:
    template = session.questionnaire.wordings[session.wording]
    if "{options}" not in template:
        template += "\n\n{options}"
    if session.layout == "block":
        template = _on_lines_of_its_own(template, "{item}")
    parts = {"item": _statements(session), "options": _options(session)}
    template = _on_lines_of_its_own(template, "{options}")
    # One pass over the template: braces inside an item or a label are text.
    asked = re.sub(r"\{(item|options)\}", lambda found: parts[found[1]], template)
    return f"{asked}\n\n{_how_to_answer(session)}"


def _on_lines_of_its_own(template: str, placeholder: str) -> str:
    before, _, after = template.partition(placeholder)
    if before and not before.endswith("\n"):
        before = before.rstrip() + "\n\n"
    if after and not after.startswith("\n"):
        after = "\n\n" + after.lstrip()
    return before + placeholder + after


def _statements(session: Session) -> str:
    if session.layout != "block":
        return session.administrations[0].item.text
    return "\n".join(f"{block_label(one.position)}. {one.item.text}" for one in session.administrations)


def _options(session: Session) -> str:
    # A block holds items of one response scale only (see plan), so the first one's options are everyone's.
    shown = shown_options(session, session.administrations[0])
    return "\n".join(label if value is None else f"{shown_value(value)}. {label}" for value, label in shown)


def _how_to_answer(session: Session) -> str:
    labels = [block_label(one.position) for one in session.administrations]
    decline = session.administrations[0].response_scale.decline
    way_out = "" if decline is None else f', or with the words "{decline}"'
    way_out_json = "" if decline is None else f', with "{decline}" in place of a number you would rather not give'
    match session.layout, session.format:
        case "block", "json":
            keys = ", ".join(f'"{label}": <number>' for label in labels)
            return f"Answer with one JSON object only: {{{keys}}}{way_out_json}."
        case "block", _:
            return (
                f"Answer every statement on a line of its own, as {labels[0]}: <number>, with the number only{way_out}."
            )
        case _, "json":
            return f'Answer with one JSON object only: {{"answer": <number>}}{way_out_json}.'
        case _:
            return f"Answer with the number only{way_out}."

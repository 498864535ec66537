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

A wording that says ``{letters}`` in place of ``{options}`` marks the options ``A.``, ``B.``, … from the top, whatever
their order: the letter goes with the place, so that an llm that takes a place or a mark, and not a label, is found out
by the reversed order. Then the answer asked for is the letter.

Other kinds of items are shown in the same place. A number has its two ends in place of options::

    0 = It will surely not happen
    100 = It will surely happen
    I would rather not say

    Answer with the number only, from 0 to 100, or with the words "I would rather not say".

An item's own options (actions, statements, aims) are marked by their place under every order: ``1.``, ``2.``, … from
the top, or ``A.``, ``B.``, … where the wording says ``{letters}``. Aims are always lettered, and the points asked for
are those of the aim that stands first: ``Answer with the points for A only, from 0 to 10.`` An open item has no options
and nothing after its wording.

A block puts its statements in the place of the one item, labelled ``S1.``, ``S2.``, … so that no statement's number can
be taken for an option's, and asks for one line each, ``S1: <number>`` (as JSON: one object,
``{"S1": <number>, "S2": <number>, …}``)::

    S1. I like to meet new people.
    S2. I keep my word.

A conversation asks its items one after the other, each as an isolated item is asked, with the llm's replies between
them. The turns of a live context are put to the llm in the same way before the first question. A reply without any text
stands in the history as ``(no reply)``.

An llm without a chat template (``interface: completion``) gets all of this as one transcript, to be completed after its
last word and stopped at `COMPLETION_STOP`::

    You are a poet.

    Question: How well does this describe you?

    I like to meet new people.
    …
    Answer: 4

    Question: …
    Answer:
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from string import ascii_uppercase
from typing import TYPE_CHECKING, Literal

from persona_big5.questionnaire.model import ITEM, LETTERS, OPTIONS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from persona_big5.questionnaire.model import ResponseScale
    from persona_big5.study.plan import Administration, Session

Mark = Literal["number", "letter"]

MESSAGE_FORMAT = 1
"""Number of the format above. It is part of every administration's id: asking in another format is asking anew."""

ROTATED = "rotated-"
"""What stands before the number of places by which a session's options are rotated."""

NO_REPLY = "(no reply)"
"""What stands in the history for a reply without any text."""

COMPLETION_STOP = "\nQuestion:"
"""Where the completion of a transcript ends: the llm goes on to ask itself the next question."""


@dataclass(frozen=True, slots=True)
class AskedTurn:
    """One request of a session: what the user says last, and the administrations that the reply to it answers.

    A turn of a live context has none.
    """

    text: str
    administrations: tuple[Administration, ...]


def asked_turns(session: Session) -> tuple[AskedTurn, ...]:
    """Return the turns in which a session is asked, in their order; each is one request."""
    turns = session.context.turns
    return tuple(
        AskedTurn(_question(session, asked) if asked else turns[number].text, asked)
        for number, asked in enumerate(asked_administrations(session))
    )


def asked_administrations(session: Session) -> list[tuple[Administration, ...]]:
    """Return for each turn of a session the administrations that the reply to it answers: none in a live context."""
    live: list[tuple[Administration, ...]] = [()] * len(session.context.turns) if session.context.mode == "live" else []
    asked = session.administrations
    return [*live, *((one,) for one in asked)] if session.layout == "conversation" else [*live, asked]


def session_messages(session: Session, replies: Sequence[str] = ()) -> list[dict[str, str]]:
    """Return what is sent for a session's next turn.

    Parameters
    ----------
    session
        What is asked.
    replies
        What the llm said in the turns before, without its thoughts.

    Returns
    -------
    list of dict
        Messages ``{"role": system | user | assistant, "content": text}`` or, where the llm's interface is completion,
        one ``{"role": "prompt", "content": transcript}``.
    """
    messages = [{"role": "system", "content": session.persona.text}] if session.persona.text else []
    if session.context.mode == "canned":
        messages += [{"role": turn.role, "content": turn.text} for turn in session.context.turns]
    turns = asked_turns(session)
    for turn, reply in zip(turns, replies, strict=False):
        said = reply if reply.strip() else NO_REPLY
        messages += [{"role": "user", "content": turn.text}, {"role": "assistant", "content": said}]
    messages.append({"role": "user", "content": turns[len(replies)].text})
    return [{"role": "prompt", "content": _transcript(messages)}] if _is_completion(session) else messages


def _is_completion(session: Session) -> bool:
    return session.llm.interface == "completion"


def _transcript(messages: Sequence[dict[str, str]]) -> str:
    """Write messages as an opening paragraph and pairs of question and answer; the last answer is left open."""
    text = ""
    for message in messages:
        match message["role"]:
            case "system":
                text += f"{message['content']}\n\n"
            case "user":
                text += f"Question: {message['content']}\nAnswer:"
            case _:
                text += f" {message['content'].strip()}\n\n"
    return text


def block_label(position: int) -> str:
    """Return the label of a block's statement; ``position`` counts from 1."""
    return f"S{position}"


def shown_options(session: Session, administration: Administration) -> list[tuple[float | None, str]]:
    """Return (value, label) of the options in the order shown; the way out, where offered, is last and has no value.

    An item's own options have their place, counted from 1, for a value; the two ends of a number are its options, and
    an open item has none.
    """
    scale, item = administration.response_scale, administration.item
    order = shown_order(session, administration)
    if item.options:
        options: list[tuple[float | None, str]] = [(n + 1.0, item.options[i].text) for n, i in enumerate(order)]
    elif scale.labels:
        options = [(scale.values[i], scale.labels[i]) for i in order]
    else:
        options = []
    return options if scale.decline is None else [*options, (None, scale.decline)]


def shown_order(session: Session, administration: Administration) -> list[int]:
    """Return which option of the file stands at each place from the top, the way out left aside.

    Under ``rotated-K`` the first K options come last. In a conversation one K holds for items with fewer options too:
    it is taken modulo their number, so that these may stand as in ``forward``.
    """
    options = administration.item.options or administration.response_scale.values
    order = list(range(len(options)))
    if session.option_order == "reversed":
        order.reverse()
    elif session.option_order.startswith(ROTATED) and order:
        places = int(session.option_order.removeprefix(ROTATED)) % len(order)
        order = order[places:] + order[:places]
    return order


def is_lettered(session: Session) -> bool:
    """Whether the session's wording marks options by letters from the top."""
    return LETTERS in session.questionnaire.wordings[session.wording]


def shown_value(value: float) -> str:
    """Return an option's value as it is shown: whole numbers without a decimal point."""
    return str(int(value)) if value.is_integer() else str(value)


def _question(session: Session, administrations: Sequence[Administration]) -> str:
    template = session.questionnaire.wordings[session.wording]
    kind = administrations[0].response_scale.kind
    if kind == "open":
        return _filled(template, {ITEM: administrations[0].item.text, OPTIONS: "", LETTERS: ""}).strip()
    mark: Mark = "letter" if is_lettered(session) or kind == "split" else "number"
    options = LETTERS if is_lettered(session) else OPTIONS
    if options not in template:
        template += f"\n\n{options}"
    if session.layout == "block":
        template = _on_lines_of_its_own(template, ITEM)
    parts = {ITEM: _statements(session, administrations), options: _options(session, administrations[0], mark)}
    template = _on_lines_of_its_own(template, options)
    return f"{_filled(template, parts)}\n\n{_how_to_answer(session, administrations, mark)}"


def _filled(template: str, parts: Mapping[str, str]) -> str:
    """Put parts in the places of their names, in one pass: braces inside an item or a label are text."""
    return re.sub("|".join(map(re.escape, parts)), lambda found: parts[found[0]], template)


def _on_lines_of_its_own(template: str, placeholder: str) -> str:
    before, _, after = template.partition(placeholder)
    if before and not before.endswith("\n"):
        before = before.rstrip() + "\n\n"
    if after and not after.startswith("\n"):
        after = "\n\n" + after.lstrip()
    return before + placeholder + after


def _statements(session: Session, administrations: Sequence[Administration]) -> str:
    if session.layout != "block":
        return administrations[0].item.text
    return "\n".join(f"{block_label(one.position)}. {one.item.text}" for one in administrations)


def _options(session: Session, administration: Administration, mark: Mark) -> str:
    # A block holds items of one response scale only (see plan), so the first one's options are everyone's.
    shown = shown_options(session, administration)
    lines = []
    for place, (value, label) in enumerate(shown):
        if value is None:
            lines.append(label)
        elif administration.response_scale.kind == "number":
            lines.append(f"{shown_value(value)} = {label}")
        else:
            lines.append(f"{ascii_uppercase[place] if mark == 'letter' else shown_value(value)}. {label}")
    return "\n".join(lines)


def _how_to_answer(session: Session, administrations: Sequence[Administration], mark: Mark) -> str:
    labels = [block_label(one.position) for one in administrations]
    scale = administrations[0].response_scale
    asked_for = "number" if scale.kind in {"number", "split"} else mark
    way_out = "" if scale.decline is None else f', or with the words "{scale.decline}"'
    way_out_json = (
        "" if scale.decline is None else f', with "{scale.decline}" in place of a {asked_for} you would rather not give'
    )
    asked_in_json = {"letter": '"<letter>"', "number": "<number>"}
    in_json = "<points for A>" if scale.kind == "split" else asked_in_json[asked_for]
    match session.layout, session.format:
        case "block", "json":
            keys = ", ".join(f'"{label}": {in_json}' for label in labels)
            return f"Answer with one JSON object only: {{{keys}}}{way_out_json}."
        case "block", _:
            return (
                f"Answer every statement on a line of its own, as {labels[0]}: <{mark}>, with the {mark} only{way_out}."
            )
        case _, "json":
            return f'Answer with one JSON object only: {{"answer": {in_json}}}{_ends(scale)}{way_out_json}.'
        case _ if scale.kind == "split":
            return f"Answer with the points for A only{_ends(scale)}{way_out}."
        case _:
            return f"Answer with the {asked_for} only{_ends(scale)}{way_out}."


def _ends(scale: ResponseScale) -> str:
    """Say between what a number must lie, where it is not one of the options."""
    if scale.kind not in {"number", "split"}:
        return ""
    return f", from {shown_value(scale.values[0])} to {shown_value(scale.values[-1])}"

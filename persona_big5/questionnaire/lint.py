"""A questionnaire held against the rules of item writing: balance, length, reading level, duplicates, negation, order.

What a questionnaire cannot be asked without is refused when it is loaded (`load`). The rules here are about what its
answers are worth: those of the library bind what is shipped, and are advice for a questionnaire of one's own.
"""

from __future__ import annotations

from statistics import fmean
from typing import TYPE_CHECKING

from persona_big5.questionnaire.library import is_shipped, shipped
from persona_big5.questionnaire.load import read_questionnaire
from persona_big5.questionnaire.readability import reading_grade, words
from persona_big5.questionnaire.similarity import MOST_COMPARED, near_duplicates, negations, without_negation
from persona_big5.specfile import open_spec

if TYPE_CHECKING:
    from pathlib import Path

    from persona_big5.errors import Problem
    from persona_big5.questionnaire.model import Item, Questionnaire
    from persona_big5.specfile import Place, SpecFile

MOST_WORDS = 20
HIGHEST_GRADE = 9.0
FEWEST_GRADED = 4
"""Words from which a text has a reading grade: of fewer, one long word makes a hard text."""
FEWEST_ITEMS = 6
FEWEST_CHECKS = 4
"""Items of a scale of checks: such a scale counts what went wrong and has no reliability to lose."""
WIDEST_DESIRABILITY_GAP = 0.75
BAD, GOOD = 2, 4
"""Desirabilities up to which agreeing looks bad, and from which it looks good."""

_CHECKS = frozenset({"response-style"})
_LADDERS = (
    ("strongly disagree", "disagree", "neither agree nor disagree", "agree", "strongly agree"),
    ("never", "rarely", "sometimes", "often", "always"),
    ("not at all", "a little", "somewhat", "mostly", "completely"),
    ("very inaccurate", "inaccurate", "neither accurate nor inaccurate", "accurate", "very accurate"),
    ("no", "yes"),
    ("false", "true"),
)
"""Labels from least to most; a response scale that uses two of a ladder has them in its order."""


def lint(path: Path) -> list[Problem]:
    """Return every breach of the rules of item writing in a questionnaire's file, in the order of lines.

    Of statements that are agreed with (response scales of kind ``options``): scales have at least 6 (4 where they are
    checks and no traits), half of them keyed each way by opposite content, with looks balanced over both poles; each
    has at most 20 words, no negation, and states its desirability. Of every item: it reads at grade 9 or below. No two
    texts are alike to a TF-IDF cosine of .8, but for pairs and splits, whose parts come back on purpose. Labels are in
    order. Of shipped questionnaires also: statements say whether they are countable and in which version they are, and
    no id or text comes back in another questionnaire.

    Raises
    ------
    SpecError
        When the file is no questionnaire; see `read_questionnaire`.
    """
    spec, questionnaire, ours = open_spec(path), read_questionnaire(path), is_shipped("questionnaires", path)
    _lint_response_scales(spec, questionnaire)
    _lint_scales(spec, questionnaire, checks=ours and questionnaire.id in _CHECKS)
    _lint_texts(spec, questionnaire)
    others = [read_questionnaire(file) for file in shipped("questionnaires") if ours and not file.samefile(path)]
    _lint_duplicates(spec, questionnaire, others)
    fields = ("desirability", "countable", "version") if ours else ("desirability",)
    _lint_fields(spec, _statements(questionnaire), fields)
    return sorted(spec.problems)


def _lint_response_scales(spec: SpecFile, questionnaire: Questionnaire) -> None:
    for name, scale in questionnaire.response_scales.items():
        labels = [label.casefold() for label in scale.labels]
        for ladder in _LADDERS:
            steps = [ladder.index(label) for label in labels if label in ladder]
            if steps != sorted(steps):
                ends = f"{scale.labels[0]} is {scale.values[0]:g}, {scale.labels[-1]} is {scale.values[-1]:g}"
                text = f"the labels do not rise with the values ({ends}); put them in order, or keys are read backwards"
                spec.problem(("response_scales", name, "labels"), text)


def _statements(questionnaire: Questionnaire) -> dict[int, Item]:
    """Items to agree with, by their position."""
    return {
        index: item
        for index, item in enumerate(questionnaire.items)
        if questionnaire.response_scales[item.response_scale].kind == "options"
    }


def _lint_scales(spec: SpecFile, questionnaire: Questionnaire, *, checks: bool) -> None:
    fewest = FEWEST_CHECKS if checks else FEWEST_ITEMS
    members: dict[str, list[Item]] = {name: [] for name in questionnaire.scales}
    statements = _statements(questionnaire)
    for item in statements.values():
        members[item.scale].append(item)
    of_other_kinds = [item for index, item in enumerate(questionnaire.items) if index not in statements]
    others = {item.scale for item in of_other_kinds}
    others |= {option.scale for item in of_other_kinds for option in item.options if option.scale}
    for name, items in members.items():
        place = ("scales", name)
        if name in others and not items:
            continue
        if len(items) < fewest:
            spec.problem(place, f"{len(items)} items; write {fewest} or more: a short scale is a noisy one")
        if not checks:
            _lint_balance(spec, place, items)


def _lint_balance(spec: SpecFile, place: Place, items: list[Item]) -> None:
    positive, negative = ([item for item in items if item.key == key] for key in (1, -1))
    if abs(len(positive) - len(negative)) > 1:
        counts = f"{len(positive)} items keyed + and {len(negative)} keyed -"
        spec.problem(place, f"{counts}; balance them, or agreeing with anything counts as the trait")
    high, low = ([item.desirability for item in side if item.desirability is not None] for side in (positive, negative))
    if not high or not low or len(high) + len(low) < len(items):
        return  # one-sided scales were named above, missing ratings are named once for the file
    gap = fmean(high) - fmean(low)
    if abs(gap) > WIDEST_DESIRABILITY_GAP:
        means = f"items keyed + have mean desirability {fmean(high):.2f}, those keyed - {fmean(low):.2f}"
        spec.problem(place, f"{means}; balance them, or looking good counts as the trait")
    for sign, ratings in (("+", high), ("-", low)):
        if min(ratings) > BAD or max(ratings) < GOOD:
            seen = f"items keyed {sign} have desirability {min(ratings)} to {max(ratings)}"
            spec.problem(place, f"{seen}; have one that looks good ({GOOD}) and one that looks bad ({BAD})")


def _lint_texts(spec: SpecFile, questionnaire: Questionnaire) -> None:
    for index, item in enumerate(questionnaire.items):
        texts = {("text",): item.text} | {("options", n, "text"): one.text for n, one in enumerate(item.options)}
        for place, text in texts.items():
            if len(words(text)) >= FEWEST_GRADED and (grade := reading_grade(text)) > HIGHEST_GRADE:
                advice = f"reads at school grade {grade:.1f}; use shorter words, for {HIGHEST_GRADE:g} or below"
                spec.problem(("items", index, *place), advice)
    _lint_statements(spec, _statements(questionnaire))


def _lint_statements(spec: SpecFile, statements: dict[int, Item]) -> None:
    affirmed = {
        (item.scale, item.key, without_negation(item.text)): item.id
        for item in statements.values()
        if not negations(item.text)
    }
    for index, item in statements.items():
        place = ("items", index, "text")
        if (length := len(words(item.text))) > MOST_WORDS:
            spec.problem(place, f"{length} words; say it in {MOST_WORDS} or fewer")
        if denials := negations(item.text):
            opposite = affirmed.get((item.scale, -item.key, without_negation(item.text)))
            if opposite is not None:
                spec.problem(place, f"denies '{opposite}' and says no more; reverse it by opposite content")
            else:
                text = f"holds a negation ('{denials[0]}'), so that disagreeing denies a denial; say what is so instead"
                spec.problem(place, text)


def _lint_duplicates(spec: SpecFile, questionnaire: Questionnaire, others: list[Questionnaire]) -> None:
    foreign = {item.id: other.id for other in others for item in other.items}
    for index, item in enumerate(questionnaire.items):
        if item.id in foreign:
            spec.problem(("items", index, "id"), f"the id is taken by an item of {foreign[item.id]}; give it another")
    compared: list[tuple[int | None, str, str]] = [
        (None, f"'{item.id}' of {other.id}", item.text) for other in others for item in _told_apart(other).values()
    ]
    compared += [(index, f"'{item.id}'", item.text) for index, item in _told_apart(questionnaire).items()]
    for earlier, later, cosine in near_duplicates([text for _, _, text in compared]):
        own = compared[later][0]
        if own is not None:
            text = f"nearly the same words as {compared[earlier][1]} (cosine {cosine:.2f}); write another item"
            spec.problem(("items", own, "text"), text)
    if len(compared) > MOST_COMPARED:
        text = f"only the first {MOST_COMPARED:,} of {len(compared):,} items were compared with each other"
        spec.problem(("items",), text)


def _told_apart(questionnaire: Questionnaire) -> dict[int, Item]:
    """Items whose texts must differ, by their position: in pairs and splits it is the options that do."""
    return {
        index: item
        for index, item in enumerate(questionnaire.items)
        if questionnaire.response_scales[item.response_scale].kind not in {"pair", "split"}
    }


def _lint_fields(spec: SpecFile, statements: dict[int, Item], fields: tuple[str, ...]) -> None:
    for field in fields:
        silent = [index for index in statements if spec.data["items"][index].get(field) is None]
        if silent:
            which = f"{len(silent)} of {len(statements)} items, this one first,"
            spec.problem(("items", silent[0]), f"{which} do not state `{field}`; state it for each")

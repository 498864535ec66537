"""Rules that every shipped instrument, persona and study keeps."""

from __future__ import annotations

import csv
import re
from collections import Counter
from itertools import combinations, product
from typing import TYPE_CHECKING

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

from persona_big5.questionnaire import library_folder, load_questionnaire, shipped
from persona_big5.study import load_study, plan
from persona_big5.study.conditions import read_contexts, read_personas
from persona_big5.study.model import Price

if TYPE_CHECKING:
    from pathlib import Path

    from persona_big5.questionnaire import Item, Questionnaire
    from persona_big5.study.model import Persona

SELF_REPORTS = {"broad-five": 8, "llm-propensities": 6}
"""Instruments that measure traits, with the number of items of a scale."""

NEGATION = re.compile(
    r"\b(no|not|never|none|nothing|nobody|nor|neither|cannot|without|hardly|rarely|seldom|barely|scarcely|lack(ing)?|\w+n't)\b",
    re.IGNORECASE,
)
MAX_WORDS = 20
MAX_GRADE = 9.0
NEAR_DUPLICATE = 0.8
MAX_DESIRABILITY_GAP = 0.75
COPIED_WORDS = 8


def words(text: str) -> list[str]:
    return re.findall(r"[a-z]+(?:'[a-z]+)?", text.lower())


def syllables(word: str) -> int:
    """Vowel groups, less a silent ending: close to a dictionary's count on plain English."""
    letters = word.replace("'", "")
    groups = len(re.findall(r"[aeiouy]+", letters))
    silent = re.search(r"([^aeiouyl]e|[^aeiouytd]ed|[^aeiouyscxzhg]es)$", letters) is not None
    return max(1, groups - silent)


def reading_grade(sentence: str) -> float:
    """Flesch-Kincaid grade of one sentence: 0.39 words + 11.8 syllables per word - 15.59 (Kincaid et al., 1975)."""
    found = words(sentence)
    return 0.39 * len(found) + 11.8 * sum(map(syllables, found)) / len(found) - 15.59


def near_duplicates(texts: list[str]) -> list[tuple[float, str, str]]:
    """Pairs of texts whose TF-IDF vectors have a cosine of `NEAR_DUPLICATE` or more."""
    vectors = TfidfVectorizer(token_pattern=r"[a-z']+").fit_transform(texts)
    cosine = (vectors @ vectors.T).toarray()
    rows, columns = np.nonzero(np.triu(cosine, 1) >= NEAR_DUPLICATE)
    return [(float(cosine[i, j]), texts[i], texts[j]) for i, j in zip(rows, columns, strict=True)]


def runs_of_words(text: str) -> set[tuple[str, ...]]:
    found = words(text)
    return {tuple(found[i : i + COPIED_WORDS]) for i in range(len(found) - COPIED_WORDS + 1)}


def instrument(name: str) -> Questionnaire:
    return load_questionnaire(name, library_folder())


def all_items() -> list[Item]:
    return [item for path in shipped("questionnaires") for item in instrument(path.stem).items]


def all_personas() -> list[Persona]:
    return [persona for path in shipped("personas") for persona in read_personas(path)]


def desirabilities(items: list[Item]) -> list[int]:
    noted = [item.desirability for item in items if item.desirability is not None]
    assert len(noted) == len(items), "every item notes its desirability"
    return noted


def items_by_key(name: str) -> list[tuple[str, list[Item], list[Item]]]:
    items = instrument(name).items
    return [
        (
            scale,
            [i for i in items if i.scale == scale and i.key == 1],
            [i for i in items if i.scale == scale and i.key == -1],
        )
        for scale in instrument(name).scales
    ]


@pytest.mark.parametrize(
    ("word", "count"),
    [
        ("made", 1),
        ("people", 2),
        ("used", 1),
        ("started", 2),
        ("ideas", 2),
        ("stories", 2),
        ("changes", 2),
        ("simple", 2),
    ],
)
def test_syllables_of_plain_words(word: str, count: int) -> None:
    assert syllables(word) == count


def test_shipped_instruments() -> None:
    assert {path.stem for path in shipped("questionnaires")} == {*SELF_REPORTS, "response-style"}
    for path in shipped("questionnaires"):
        assert instrument(path.stem).id == path.stem
        assert instrument(path.stem).licence == "CC0-1.0"


@pytest.mark.parametrize(("name", "n_items"), SELF_REPORTS.items())
def test_half_of_each_scale_is_keyed_each_way(name: str, n_items: int) -> None:
    for scale, positive, negative in items_by_key(name):
        assert (len(positive), len(negative)) == (n_items // 2, n_items // 2), scale
        assert {item.id for item in positive + negative} == {f"{scale}-{k}" for k in range(1, n_items + 1)}


@pytest.mark.parametrize("name", SELF_REPORTS)
def test_desirability_is_balanced_over_the_poles(name: str) -> None:
    for scale, positive, negative in items_by_key(name):
        high, low = desirabilities(positive), desirabilities(negative)
        assert abs(np.mean(high) - np.mean(low)) <= MAX_DESIRABILITY_GAP, scale
        assert min(high) <= 2, f"{scale}: every item keyed +1 looks good or neutral"
        assert max(low) >= 4, f"{scale}: every item keyed -1 looks bad or neutral"


def test_response_style_is_six_neutral_pairs() -> None:
    items = {item.id: item for item in instrument("response-style").items}
    assert set(items) == {f"pair-{k}-{side}" for k in range(1, 7) for side in "ab"}
    assert {item.key for name, item in items.items() if name.endswith("a")} == {1}
    assert {item.key for name, item in items.items() if name.endswith("b")} == {-1}
    assert {item.desirability for item in items.values()} == {3}


def test_every_instrument_offers_five_points_a_way_out_and_three_wordings() -> None:
    for path in shipped("questionnaires"):
        questionnaire = instrument(path.stem)
        scale = questionnaire.response_scales["agree5"]
        assert scale.values == (1, 2, 3, 4, 5)
        assert scale.decline is not None
        assert {item.response_scale for item in questionnaire.items} == {"agree5"}
        assert set(questionnaire.wordings) - {"letters"} == {"a", "b", "c"}
        assert all("{item}" in template.split("\n") for template in questionnaire.wordings.values()), (
            "the item has a line of its own"
        )


def test_ids_and_texts_are_unique_over_all_instruments() -> None:
    items = all_items()
    assert len(items) == 70
    for values in ([item.id for item in items], [item.text.lower() for item in items]):
        assert [value for value, count in Counter(values).items() if count > 1] == []


def test_negations_are_found() -> None:
    assert [bool(NEGATION.search(text)) for text in ("I don't plan.", "I rarely plan.", "I know another plan.")] == [
        True,
        True,
        False,
    ]


def test_reversal_is_by_opposite_content_and_not_by_negation() -> None:
    assert [item.text for item in all_items() if NEGATION.search(item.text)] == []


def test_items_are_one_short_first_person_sentence() -> None:
    for item in all_items():
        assert len(words(item.text)) <= MAX_WORDS, item.text
        assert re.search(r"\b(I|me|my)\b", item.text, re.IGNORECASE), item.text
        assert re.fullmatch(r"[^.!?;:]+\.", item.text), item.text


def test_items_are_easy_to_read() -> None:
    hard = {
        item.text: round(reading_grade(item.text), 1) for item in all_items() if reading_grade(item.text) > MAX_GRADE
    }
    assert hard == {}


def test_near_duplicates_are_found() -> None:
    texts = ["I like to plan each step.", "I like to plan each small step.", "Strange ideas please me."]
    assert [pair[1:] for pair in near_duplicates(texts)] == [(texts[0], texts[1])]


def test_no_near_duplicate_items() -> None:
    assert near_duplicates([item.text for item in all_items()]) == []


def test_nothing_is_shared_with_a_published_pool(shared: Path) -> None:
    published: set[tuple[str, ...]] = set()
    pools = sorted((shared / "real" / "item_pools").glob("*.csv"))
    if not pools:
        pytest.skip("needs the folder real/item_pools")
    for pool in pools:
        with pool.open(encoding="utf-8", newline="") as lines:
            for row in csv.DictReader(lines):
                published |= runs_of_words(row["item_text"])
    assert published
    ours = [item.text for item in all_items()] + [persona.text for persona in all_personas()]
    assert [text for text in ours if runs_of_words(text) & published] == []


def test_personas_cover_the_groups() -> None:
    personas = all_personas()
    assert len({persona.id for persona in personas}) == len(personas) == 16
    assert Counter(persona.group for persona in personas) == {
        "none": 1,
        "default": 1,
        "placebo": 3,
        "professional": 3,
        "theatrical": 2,
        "adversarial": 2,
        "vulnerable": 1,
        "trait-pole": 2,
        "contradictory": 1,
    }
    assert [persona.id for persona in personas if not persona.text] == ["none"]
    assert [persona.id for persona in personas if persona.text and not persona.check] == []


def test_characters_take_two_to_four_sentences_and_differ() -> None:
    characters = [persona for persona in all_personas() if persona.group not in {"none", "default", "placebo"}]
    for persona in characters:
        assert 2 <= len(re.findall(r"[.!?](?=\s|$)", persona.text)) <= 4, persona.id
    assert near_duplicates([persona.text for persona in characters]) == []


def test_poles_name_a_shipped_scale_and_come_in_pairs() -> None:
    scales = {scale for path in shipped("questionnaires") for scale in instrument(path.stem).scales}
    poles = [persona.pole for persona in all_personas() if persona.pole]
    assert {pole.scale for pole in poles} <= scales
    for pole in poles:
        opposite = {"high": "low", "low": "high"}[pole.direction]
        assert any(
            (other.scale, other.direction, other.intensity) == (pole.scale, opposite, pole.intensity) for other in poles
        )


def test_placebos_are_other_words_for_the_default() -> None:
    personas = {persona.id: persona for persona in all_personas()}
    default = personas["default"]
    placebos = [persona for persona in personas.values() if persona.group == "placebo"]
    assert {persona.paraphrase_of for persona in placebos} == {"default"}
    for placebo in placebos:
        assert abs(len(placebo.text) / len(default.text) - 1) <= 0.4, placebo.id
        assert {"assistant", "tasks", "questions"} <= set(words(placebo.text)), placebo.id
        assert placebo.check == default.check
    for one, other in combinations([default, *placebos], 2):
        assert words(one.text) != words(other.text)


def test_neutral_is_nothing_before_the_item() -> None:
    contexts = {context.id: context for path in shipped("contexts") for context in read_contexts(path)}
    assert contexts["neutral"].mode == "canned"
    assert contexts["neutral"].turns == ()


@pytest.mark.parametrize(("name", "n_calls", "n_answers"), [("demo", 576, 23_040), ("first_survey", 7_680, 134_400)])
def test_studies_ask_as_often_as_they_say(name: str, n_calls: int, n_answers: int) -> None:
    path = library_folder() / "studies" / f"{name}.yaml"
    study = load_study(path)
    sessions = n_asked = 0
    for session in plan(study):
        sessions += 1
        n_asked += len(session.administrations)
    assert (sessions, n_asked) == (n_calls, n_answers)
    assert f"{n_calls:,} calls" in path.read_text(encoding="utf-8")
    assert {persona.id for persona in study.personas} == {persona.id for persona in all_personas()}


@pytest.mark.parametrize(("name", "n_calls"), [("demo-llm", 520), ("demo-llm-sampled", 360)])
def test_the_demo_of_a_real_llm_asks_four_items_of_each_scale_from_both_ends(name: str, n_calls: int) -> None:
    path = library_folder() / "studies" / f"{name}.yaml"
    study = load_study(path)
    assert sum(1 for _ in plan(study)) == n_calls
    assert f"= {n_calls} calls" in path.read_text(encoding="utf-8")
    assert study.administration.option_order == ("forward", "reversed")
    (questionnaire,) = study.questionnaires
    keys = Counter((item.scale, item.key) for item in questionnaire.items)
    assert keys == dict.fromkeys(product(questionnaire.scales, (1, -1)), 2)
    assert all((llm.price, llm.api_key_env) == (Price(input=0.0, output=0.0), None) for llm in study.llms)


def test_the_sampled_cells_are_cells_of_the_other_demo() -> None:
    whole, part = (
        load_study(library_folder() / "studies" / f"{name}.yaml") for name in ("demo-llm", "demo-llm-sampled")
    )
    assert set(part.personas) < set(whole.personas)
    assert part.questionnaires == whole.questionnaires
    assert part.llms == whole.llms
    assert (part.administration.answer_mode, whole.administration.answer_mode) == ("sample", "probability")


def test_demo_asks_simulated_llms_alone() -> None:
    study = load_study(library_folder() / "studies" / "demo.yaml")
    assert {variant.id for llm in study.llms for variant in llm.variants} > {"none"}
    names = [name for llm in study.llms for name in (llm.name, *(variant.name for variant in llm.variants)) if name]
    assert [name for name in names if not name.startswith("simulated/")] == []
    assert len({llm.family for llm in study.llms}) == len(study.llms) == 6

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_big5.questionnaire.readability import reading_grade, syllables, words

SYLLABLES = {
    1: "I made used called makes while style vague whole plan stage through asked strength rules",
    2: "people started stories changes simple being quiet create tables handled rarely something useful lively react",
    3: "idea opinion confident earlier various disagree actual creative attention",
    4: "situation society appropriate supervisor material",
    5: "curiosity vocabulary imagination interpretation",
    6: "responsibility",
}
"""As the CMU Pronouncing Dictionary has them."""


@pytest.mark.parametrize(("word", "count"), [(word, n) for n, text in SYLLABLES.items() for word in text.split()])
def test_syllables(word: str, count: int) -> None:
    assert syllables(word) == count


def test_words_keep_apostrophes_and_leave_out_digits_and_marks() -> None:
    assert words("I don\u2019t say 'five' or 5, ever.") == ["i", "don't", "say", "five", "or", "ever"]


def test_grade_is_that_of_kincaids_formula() -> None:
    assert reading_grade("I plan.") == pytest.approx(0.39 * 2 + 11.8 - 15.59)
    assert reading_grade("I plan. Then the people started.") == pytest.approx(0.39 * 6 / 2 + 11.8 * 8 / 6 - 15.59)
    assert reading_grade("I plan at 3.5, then stop!") == pytest.approx(0.39 * 5 + 11.8 - 15.59)


def test_longer_words_and_longer_sentences_are_harder() -> None:
    assert reading_grade("I like odd words.") < reading_grade("I like curious vocabulary.")
    assert reading_grade("I go. You stay.") < reading_grade("I go when you stay.")


@given(st.text())
def test_any_text_has_a_grade_and_no_word_is_silent(text: str) -> None:
    assert reading_grade(text) >= 0.39 + 11.8 - 15.59 if words(text) else reading_grade(text) == 0.0
    assert all(syllables(word) >= 1 for word in words(text))

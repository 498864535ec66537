"""Tokens as vocabularies have them, one by one: the options that a reply beginning with each may be naming."""

from __future__ import annotations

import pytest

from persona_big5.scoring.tokens import options_begun

AGREE = (
    (1.0, "Strongly disagree"),
    (2.0, "Disagree"),
    (3.0, "Neither agree nor disagree"),
    (4.0, "Agree"),
    (5.0, "Strongly agree"),
    (None, "I would rather not say"),
)
DEGREES = (
    (1.0, "Disagree a lot"),
    (2.0, "Disagree"),
    (3.0, "Agree"),
    (4.0, "Agree a lot"),
)
ELEVEN = tuple((float(value), f"Level {value}") for value in range(11))
BIPOLAR = ((-2.0, "Not at all"), (-1.0, "A little"), (0.0, "Partly"), (1.0, "Mostly"), (2.0, "Fully"))
HALVES = ((0.5, "Low"), (1.5, "Middle"), (2.5, "High"))
STARS = ((1.0, "★"), (2.0, "★★"), (3.0, "★★★"))
CHINESE = ((1.0, "非常不同意"), (2.0, "不同意"), (3.0, "同意"), (4.0, "非常同意"))
FREQUENCY = ((1.0, "1-2 times"), (2.0, "3-4 times"), (3.0, "Often"))


NUMBERS = ["3", " 3", "3.", " 3.", "\n3", "3\n", "**3", "(3", "[3]", '"3', "`3`", "3)", "3,", "+3", "03"]
SPELLED_OTHERWISE = ["\uff13", "\u0663", "\u25813", "\u01203", "three", "Three", " THREE", "C", " c", "(c", "C.", "c)"]
LABELS = ["Neither", " neither", "Neither agree nor disagree"]


@pytest.mark.parametrize("token", NUMBERS + SPELLED_OTHERWISE + LABELS)
def test_the_third_of_five(token):
    assert options_begun(token, AGREE) == {2}


@pytest.mark.parametrize(
    ("token", "shown", "options"),
    [
        ("Dis", AGREE, {1}),
        ("Agree", AGREE, {3}),
        ("Strongly", AGREE, {0, 4}),
        ("Str", AGREE, {0, 4}),
        ("strongly agree", AGREE, {4}),
        ("A", AGREE, {0}),  # the letter: no vocabulary cuts a word after its first
        ("I", AGREE, {5}),
        ("F", AGREE, {5}),
        ("Agree", DEGREES, {2, 3}),
        ("Agree.", DEGREES, {2}),
        ("1", ELEVEN, {1, 10}),
        ("1.", ELEVEN, {1}),
        ("10", ELEVEN, {10}),
        ("ten", ELEVEN, {10}),
        ("0", ELEVEN, {0}),
        ("Level", ELEVEN, set(range(11))),
        ("I", ELEVEN, set(range(11))),  # the letter, or the beginning of a sentence
        ("I.", ELEVEN, {8}),
        ("-", BIPOLAR, {0, 1}),
        ("−", BIPOLAR, {0, 1}),  # noqa: RUF001  (a minus sign)
        ("-1", BIPOLAR, {1}),
        ("1", BIPOLAR, {3}),
        ("A", BIPOLAR, {0, 1}),  # the letter, or "A little"
        ("No", BIPOLAR, {0}),
        ("0", HALVES, {0}),
        ("1.", HALVES, {1}),
        ("2.5", HALVES, {2}),
        ("★", STARS, {0, 1, 2}),
        ("★★★", STARS, {2}),
        ("非", CHINESE, {0, 3}),
        ("不", CHINESE, {1}),
        ("同意", CHINESE, {2}),
        ("1", FREQUENCY, {0}),
        ("3", FREQUENCY, {1, 2}),
    ],
)
def test_what_a_token_may_begin(token, shown, options):
    assert options_begun(token, shown) == options


@pytest.mark.parametrize("token", ["7", "0", "33", "3.5", "The", "As", "<think>", "<|eot_id|>", "{'s", "agreeable"])
def test_other_words_begin_no_option(token):
    assert options_begun(token, AGREE) == set()


@pytest.mark.parametrize("token", ["", " ", "\ud800", "\n\n", "**", '"', "(", "-", "▁", "Ċ", "```", "#"])
def test_blanks_and_markup_say_nothing_yet(token):
    assert options_begun(token, AGREE) is None


def test_letters_count_options_as_displayed():
    assert options_begun("B", tuple(reversed(AGREE[:5]))) == {1}
    assert options_begun("4", tuple(reversed(AGREE[:5]))) == {1}


def test_a_token_of_any_length_is_read_at_once():
    assert options_begun("x" * 10_000_000, AGREE) == set()

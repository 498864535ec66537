"""Replies made to break or to stall a parser."""

from __future__ import annotations

import time

import pytest
from scoring_sessions import make_session, read

LONG = 100_000


@pytest.mark.parametrize(
    "text",
    [
        "<think>" * (LONG // 7),
        "</think>" * (LONG // 8),
        "<think></think>" * (LONG // 15) + "<think>",
        "[" * LONG,
        "{" * LONG,
        '{"answer":' * (LONG // 10),
        '{"answer": ' + "9" * LONG + "}",
        '{"answer": [' * 400 + "4" + "]}" * 400,
        '{"answers": ' * 400 + "4" + "}" * 400,
        "9" * LONG,
        "1e999",
        '{"answer": NaN}',
        '{"answer": 1e999}',
        "'" * LONG + "x",
        "(" * LONG + "x",
        "\n" * LONG + "x",
        "- " * (LONG // 2),
        "answer " * (LONG // 7),
        "answer is a the my " * (LONG // 19),
        "say '''''''''''' " * (LONG // 17),
        "1 is 1 is " * (LONG // 10),
        "scale of 1 (" * (LONG // 12),
        "where 1 means agree and " * (LONG // 24),
        "neither agree nor " * (LONG // 18),
        "not really really " * (LONG // 18),
        "sure, " * (LONG // 6),
        "maybe " * (LONG // 6),
        "no " * (LONG // 3),
        "not i would say " * (LONG // 16),
        "disagree / " * (LONG // 11),
        "x a) or " * (LONG // 8),
        "选择" * (LONG // 2),
        "S1 " * (LONG // 3),
        "S1:" * (LONG // 3),
        "1: 4\n" * (LONG // 5),
        "i can't " * (LONG // 8),
        "\x00\x1b[31m\ud800" * 1000,
        "\uff14\u200b\u202e",
    ],
)
@pytest.mark.parametrize("n_items", [1, 3])
def test_is_read_at_once_and_never_as_a_choice(text, n_items):
    start = time.process_time()
    answers = read(text, make_session(n_items))

    assert time.process_time() - start < 1.5
    assert len(answers) == n_items
    if "4" not in text and "\uff14" not in text and "agree" not in text:
        assert all(answer.state != "answered" for answer in answers)

from __future__ import annotations

from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_big5.scoring.features import Features, count_features

REPLY = """\
Great question! I think that bread may keep for about 3.5 days, e.g. in a box. However, it depends on the flour.

**What helps**
- a dry place
- a cloth; I'm sorry, I can\u2019t promise more
1. Cool it first.

```
print("maybe?")
```
Is that what you were looking for? Thanks for asking!
"""


def test_a_reply_counted_by_hand() -> None:
    assert count_features(REPLY) == Features(
        characters=len(REPLY.strip()),
        words=49,  # the mark 1. of a list is none, e.g. is two
        sentences=7,
        questions=1,
        exclamations=2,
        list_items=3,
        headings=1,
        code_blocks=1,
        hedges=3,  # I think, may, it depends
        boosters=0,
        praise=1,
        apologies=1,
        thanks=1,
        agreement=0,
        disagreement=1,  # however
        refusals=1,
        self_as_ai=0,
        first_person=3,
        second_person=1,
    )


@pytest.mark.parametrize(
    "text",
    [
        "Das Brot bleibt in einem Kasten etwa drei Tage lang frisch, vielleicht auch etwas weniger.",
        "面包在盒子里大约可以保存三天。",
        "Canberra",
        "",
    ],
)
def test_english_lists_are_not_used_on_what_is_not_known_to_be_english(text: str) -> None:
    counted = count_features(text)
    assert {getattr(counted, one.name) for one in fields(Features) if one.type == "int | None"} == {None}
    assert counted.characters == len(text)


def test_sentences_end_where_they_end() -> None:
    counts = [
        count_features(text).sentences
        for text in ("Dr. Fox came at 3.5 p.m. today", "One. Two! Three?", "a\n\nb", "...")
    ]
    assert counts[1:] == [3, 2, 0]
    assert count_features("Ask Dr. Fox, e.g. about bread.").sentences == 1


@given(st.text(max_size=500))
def test_any_text_is_counted(text: str) -> None:
    counted = count_features(text)
    assert all(value is None or value >= 0 for value in (getattr(counted, one.name) for one in fields(Features)))
    assert (counted.sentences > 0) == (counted.words > 0)

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field

from persona_big5.errors import SpecError
from persona_big5.specfile import did_you_mean, open_spec, read_spec, show_place

if TYPE_CHECKING:
    from pathlib import Path


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    label: str = Field(min_length=1)
    size: float = 1.0
    flag: bool = False
    kind: Literal["small", "large"] = "small"


class Whole(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    name: str
    count: int = Field(default=1, ge=1, le=9)
    parts: tuple[Part, ...] = Field(default=(), min_length=1, strict=False)
    by_name: dict[str, Part] = Field(default_factory=dict)


@pytest.fixture
def written(tmp_path: Path):
    def write(text: str | bytes) -> Path:
        path = tmp_path / "spec.yaml"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    return write


def problems_of(path: Path) -> list[tuple[int, str, str]]:
    with pytest.raises(SpecError) as caught:
        read_spec(path, Whole)
    assert {problem.file for problem in caught.value.problems} == {str(path)}
    return [(problem.line, problem.path, problem.text) for problem in caught.value.problems]


def test_a_sound_file_becomes_the_model(written) -> None:
    whole = read_spec(
        written("name: x\nparts:\n  - {label: a, size: 8e9}\nby_name: {b: {label: b, flag: true}}\n"), Whole
    )
    assert whole == Whole(name="x", parts=(Part(label="a", size=8e9),), by_name={"b": Part(label="b", flag=True)})


def test_every_problem_is_reported_at_once_with_its_line(written) -> None:
    text = """\
name: 4
count: 12
cuont: 1
parts:
  - label: Yes
  - {label: a, label: b, size: big}
  - size: 2
by_name:
  first: {label: ~, kind: lage, sise: 1}
"""
    assert problems_of(written(text)) == [
        (1, "name", "expected text, but this is the number 4; put it in quotes"),
        (2, "count", "must be 9 or less, but is 12"),
        (3, "cuont", "unknown field 'cuont'; did you mean 'count'?"),
        (5, "parts[0].label", 'unquoted Yes means true or false to some readers of YAML; quote it: "Yes"'),
        (6, "parts[1].label", "duplicate key (first on line 6)"),
        (6, "parts[1].size", "expected a number, but this is the text 'big'"),
        (7, "parts[2]", "the field 'label' is missing"),
        (9, "by_name.first.kind", "must be 'small' or 'large', but this is the text 'lage'; did you mean 'large'?"),
        (9, "by_name.first.label", "expected text, but this is nothing (null)"),
        (9, "by_name.first.sise", "unknown field 'sise'; did you mean 'size'?"),
    ]


@pytest.mark.parametrize("word", ["Yes", "no", "ON", "off", "yes"])
def test_words_that_some_readers_take_for_booleans_must_be_quoted(written, word: str) -> None:
    expected = f'unquoted {word} means true or false to some readers of YAML; quote it: "{word}"'
    assert (1, "name", expected) in problems_of(written(f"name: {word}\nparts: [{{label: a}}]\n"))
    quoted = read_spec(written(f'name: "{word}"\nparts: [{{label: a}}]\n'), Whole)
    assert quoted.name == word


def test_an_unquoted_word_as_a_key_is_refused_too(written) -> None:
    text = "name: x\nparts: [{label: a}]\nby_name:\n  No: {label: a}\n  4: {label: b}\n  true: {label: c}\n"
    assert problems_of(written(text)) == [
        (4, "by_name", 'unquoted No means true or false to some readers of YAML; quote it: "No"'),
        (5, "by_name", "the key '4' is the number 4; put it in quotes"),
        (6, "by_name", "the key 'true' is the truth value true; put it in quotes"),
    ]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2026-11-21", "2026-11-21"),
        ("12:30", "12:30"),
        ("010", 10),
        ("0o7", "0o7"),
        ("8e9", 8e9),
        ("8.0e+9", 8e9),
        ("-.5", -0.5),
        ("~", None),
        ("TRUE", True),
        (".inf", ".inf"),
        ("1e999", "1e999"),
        ("1_000", "1_000"),
        ("<<", "<<"),
        ("'4'", "4"),
        ("!!str 4", "4"),
    ],
)
def test_plain_scalars_follow_the_core_schema(written, text: str, value: object) -> None:
    data = open_spec(written(f"a: {text}\n")).data
    assert data == {"a": value}
    assert type(data["a"]) is type(value)


@pytest.mark.parametrize(
    ("content", "line", "text"),
    [
        (b"", 1, "the file is empty"),
        (b"# only a comment\n", 1, "the file is empty"),
        (b"a: 1\nb: \xff\n", 2, "not UTF-8 text (byte 8); save the file as UTF-8"),
        (b"a: 1\n---\nb: 2\n", 2, "a second document starts here; keep one per file"),
        (b"a: 1\nb: *x\n", 2, "the alias *x stands for nothing defined above it"),
        (b"a: &x [1, *x]\n", 1, "the alias *x stands for nothing defined above it"),
        (b"? [a]\n: 1\n", 1, "a key must be plain text"),
        (b"a: " + b"[" * 60 + b"]" * 60, 1, "nested more than 50 levels deep"),
        (b"[" * 100_000, 1, "nested more than 50 levels deep"),
    ],
)
def test_what_cannot_be_read_is_one_clear_problem(written, content: bytes, line: int, text: str) -> None:
    assert problems_of(written(content)) == [(line, "", text)]


def test_syntax_errors_carry_their_line(written) -> None:
    ((line, place, text),) = problems_of(written("name: x\nparts: [1, 2\ncount: 1\n"))
    assert (line, place) == (3, "")
    assert text.startswith("not valid YAML: ")


def test_control_characters_are_a_problem_not_a_crash(written) -> None:
    ((_, _, text),) = problems_of(written(b"name: x\ncount: \x07\n"))
    assert text.startswith("not valid YAML: ")


def test_missing_file_folder_and_locked_file(tmp_path: Path) -> None:
    assert problems_of(tmp_path / "no.yaml") == [(1, "", "no such file")]
    assert problems_of(tmp_path) == [(1, "", "this is not a file")]
    locked = tmp_path / "locked.yaml"
    locked.write_text("name: x\n")
    locked.chmod(0)
    if not os.access(locked, os.R_OK):
        assert problems_of(locked) == [(1, "", "cannot be read (Permission denied)")]


@pytest.mark.parametrize("tag", ["!!python/object/apply:os.system", "!mine", "!!binary", "!!set"])
def test_tags_that_build_objects_are_refused(written, tag: str) -> None:
    found = problems_of(written(f"name: x\nparts: [{{label: a}}]\nby_name: {tag} {{b: {{label: c}}}}\n"))
    assert [(line, place) for line, place, _ in found] == [(3, "by_name")]
    assert "is not allowed" in found[0][2]


def test_aliases_repeat_values_but_cannot_explode(written) -> None:
    shared = open_spec(written("a: &x {b: [1, 2]}\nc: *x\n"))
    assert shared.data == {"a": {"b": [1, 2]}, "c": {"b": [1, 2]}}
    laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 30)
    )
    started = time.perf_counter()
    ((line, _, text),) = problems_of(written(laughs))
    assert time.perf_counter() - started < 2
    assert (line, text) == (5, "aliases repeat more than 10000 values; write fewer or split the file")


def test_later_checks_report_the_line_of_a_place_or_of_what_is_around_it(written) -> None:
    spec = open_spec(written("a:\n  - b: 1\n    c: |\n      text\n  - x\n"))
    assert [spec.line_of(place) for place in [("a",), ("a", 0), ("a", 0, "c"), ("a", 1), ("a", 0, "zz"), ("q",)]] == [
        1, 2, 3, 5, 2, 1,
    ]  # fmt: skip
    spec.problem(("a", 0, "c"), "is wrong")
    assert [str(problem) for problem in spec.problems] == [f"{spec.name}:3: a[0].c: is wrong"]
    assert spec.sound("a") is None
    assert list(spec.entries("a")) == [(1, "x")]
    assert list(spec.entries("q", ["default"])) == [(0, "default")]


def test_near_names_come_first_and_few_names_are_all_shown() -> None:
    assert did_you_mean("wordngs", ["wordings", "items"]) == "; did you mean 'wordings'?"
    assert did_you_mean("zzz", ["b", "a"]) == "; known: a, b"
    assert did_you_mean("zzz", [str(n) for n in range(21)]) == ""
    assert show_place(("items", 3, "key")) == "items[3].key"


_TEXT = st.text(st.characters(exclude_categories=["C", "Zl", "Zp"]))
_PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.floats(1e-80, 1e80) | _TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXT, inner, max_size=4),
    max_leaves=12,
)


@given(_PLAIN.filter(lambda data: data is not None))
def test_plain_data_survives_writing_and_reading(tmp_path_factory, data: Any) -> None:
    path = tmp_path_factory.mktemp("plain") / "data.yaml"
    path.write_text(json.dumps(data, ensure_ascii=False), encoding="utf-8")
    spec = open_spec(path)
    assert spec.data == data
    assert spec.problems == []

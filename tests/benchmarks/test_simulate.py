"""What `make simulate` makes of its parts: all as it must be, not so, or never done."""

from __future__ import annotations

import importlib.util
import platform

import pytest

from benchmarks import simulate
from benchmarks.simulate import PARTS, Part, run


def test_a_part_is_met_as_its_program_says_and_its_last_line_is_kept(capfd) -> None:
    outcome = run(Part("platform", "a program that prints what it runs on", 1, 60), 1)
    assert outcome.met
    assert outcome.line == platform.platform()
    assert outcome.line in capfd.readouterr().out


def test_a_part_that_fails_is_not_met(capfd) -> None:
    assert not run(Part("no_such_part", "nothing", 1, 60), 1).met
    assert "no_such_part" in capfd.readouterr().err


def test_a_part_that_takes_too_long_is_ended(monkeypatch) -> None:
    monkeypatch.setattr(simulate, "START", 0)
    outcome = run(Part("timeit", "a program of a second or two", 1, 0.1), 1)
    assert not outcome.met
    assert outcome.line == "not done within 0 s"


def test_the_parts_are_there() -> None:
    assert [part.module for part in PARTS if importlib.util.find_spec(part.module) is None] == []


@pytest.mark.parametrize("met", [True, False])
def test_it_fails_when_a_part_does_and_says_one_line_of_each(monkeypatch, capsys, met) -> None:
    outcomes = {part.module: simulate.Outcome(met or part is not PARTS[1], f"last of {part.module}") for part in PARTS}
    monkeypatch.setattr(simulate, "run", lambda part, worlds: outcomes[part.module])
    monkeypatch.setattr("sys.argv", ["simulate", "3"])
    assert simulate.main() == (0 if met else 1)
    shown = capsys.readouterr().out
    assert shown.startswith("3 worlds of each kind; ends within ")
    assert [line.split("  ")[0] == "met" for line in shown.splitlines()[-3:]].count(True) == (3 if met else 2)

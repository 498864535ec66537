"""The benchmark of the statistics: what it measures, on which tables, and what it calls met."""

from __future__ import annotations

import json
import re
import sys

import numpy as np
import pytest

from benchmarks import statistics_data, statistics_speed, statistics_work
from benchmarks.statistics_speed import DEMANDS, Demand, Measured, line
from persona_big5.analysis.answers import lay_out
from persona_big5.store.longtable import as_long

IN_R = statistics_speed._IN_R.read_text(encoding="utf-8")


def test_every_demand_is_measured_on_a_table_that_is_written() -> None:
    assert {demand.work for demand in DEMANDS} == set(statistics_work.WORKS)
    assert {demand.table for demand in DEMANDS} == set(statistics_data.TABLES)


def test_r_is_asked_for_the_work_that_it_has_published_seconds_of() -> None:
    asked = set(re.findall(r'^seconds\("(\w+)"', IN_R, re.MULTILINE))
    assert asked == {demand.work for demand in DEMANDS if demand.in_r}


@pytest.mark.parametrize(("cpu", "megabytes", "met"), [(2.0, 100.0, True), (2.01, 1.0, False), (0.1, 101.0, False)])
def test_a_demand_is_met_within_its_seconds_and_its_memory(cpu, megabytes, met) -> None:
    demand = Demand("work", "some work", "bfi.csv", 2, 100, in_r=20)
    measured = Measured(cpu, 9.0, megabytes)
    assert measured.meets(demand) is met
    row = line(demand, measured, generated=True, here=None)
    assert ("NOT met" in row) is not met
    assert "(generated table)" in row
    assert f"{20 / cpu:,.0f} x" in row


@pytest.fixture
def nothing_at_hand(monkeypatch, tmp_path):
    monkeypatch.setattr(statistics_data, "SHARED", tmp_path / "not there")
    return tmp_path


def test_without_answers_at_hand_tables_of_the_same_shape_are_generated(nothing_at_hand) -> None:
    folder = nothing_at_hand
    generated = statistics_data.write_tables(folder, ["form.csv", "bfi.csv", "gstudy.csv"])
    assert generated == {"form.csv": False, "bfi.csv": True, "gstudy.csv": True}
    assert statistics_work._scores(folder / "form.csv").shape == (4000, 135)
    bfi = statistics_work._scores(folder / "bfi.csv")
    assert bfi.shape == (2800, 25)
    assert set(np.unique(bfi[~np.isnan(bfi)])) == {1, 2, 3, 4, 5, 6}
    answers = lay_out(as_long(statistics_data.small_survey()))
    assert answers.scores.shape == (18_000, 30)
    assert (answers.count(["llm"]), answers.count(["persona"]), len(answers.items.scales)) == (18, 100, 5)
    study = statistics_work.components_of_a_study(folder)()
    assert study.effects["llm"].estimate > 0.05
    assert study.effects["llm:persona"].estimate < 0.05


def test_a_piece_of_work_is_timed_in_its_own_process(nothing_at_hand) -> None:
    statistics_data.write_tables(nothing_at_hand, ["gstudy.csv"])
    printed = statistics_speed.python("statistics_work", "components_of_a_study", str(nothing_at_hand))
    measured = Measured(**json.loads(printed))
    assert 0 < measured.cpu < 2
    assert 50 < measured.megabytes < 1000


def test_cpu_seconds_of_a_command_count() -> None:
    burn = "import time\nwhile time.process_time() < 0.3: pass"
    cpu, wall = statistics_work.timed(lambda: statistics_work.subprocess.run([sys.executable, "-c", burn], check=True))
    assert cpu > 0.25
    assert wall > 0.25


def test_work_that_fails_is_an_error_with_its_message(tmp_path) -> None:
    with pytest.raises(RuntimeError, match="no_such_work"):
        statistics_speed.python("statistics_work", "no_such_work", str(tmp_path))


@pytest.mark.parametrize(("seconds", "code"), [(0.001, 0), (99.0, 1), (None, 1)])
def test_one_piece_of_work_that_is_too_slow_or_fails_is_said_and_fails_the_benchmark(
    monkeypatch, capsys, seconds, code
) -> None:
    def python(module: str, *arguments: str) -> str:
        if module == "statistics_data":
            return json.dumps(dict.fromkeys(statistics_data.TABLES, False))
        if seconds is None:
            raise RuntimeError("out of order")
        return json.dumps({"cpu": seconds, "wall": 1.0, "megabytes": 1.0})

    monkeypatch.setattr(statistics_speed, "python", python)
    monkeypatch.setattr("sys.argv", ["statistics_speed", "whole_analysis"])
    assert statistics_speed.main() == code
    shown = capsys.readouterr().out
    assert ("NOT met" in shown) == (code == 1)
    assert ("out of order" in shown) == (seconds is None)
    assert f"{1 - code} of 1 met" in shown

"""A run killed or interrupted from outside, and what the same command does afterwards."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest
from runner_studies import N_ITEMS, loopback, one, states, write_study

from persona_big5.store import sql, status

CONCURRENCY = 6
RUNS = 6
CALLS = N_ITEMS * 2 * RUNS


@pytest.fixture
def study_file(tmp_path, endpoint):
    endpoint.config(latency_ms=20)
    return write_study(tmp_path, [loopback(endpoint.url, limits={"concurrency": CONCURRENCY})], runs=RUNS)


def _run(study_file, db):
    """The command as a user types it, in a process group of its own."""
    return subprocess.Popen(
        [
            sys.executable,
            "-c",
            "from persona_big5.cli.main import main; main()",
            "run",
            str(study_file),
            "--db",
            str(db),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def _wait_for(condition, process, seconds=30):
    end = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.005)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_kill_loses_no_answer_and_wastes_at_most_the_calls_in_flight(study_file, tmp_path, endpoint, share):
    db = tmp_path / "out" / "study.duckdb"
    process = _run(study_file, db)
    _wait_for(lambda: endpoint.stats()["paid"] >= share * CALLS, process)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    kept = states(db).get("answered", 0)

    second = _run(study_file, db)
    out, err = second.communicate(timeout=60)

    assert second.returncode == 0, err
    assert f"{kept} administrations were settled before" in out
    assert states(db) == {"answered": CALLS}
    assert one(db, "SELECT count(DISTINCT session) FROM exchange") == CALLS
    assert kept > 0
    assert endpoint.stats()["paid"] - CALLS <= CONCURRENCY


def test_an_interrupted_run_says_what_is_stored_and_goes_on_later(study_file, tmp_path, endpoint):
    db = tmp_path / "out" / "study.duckdb"
    process = _run(study_file, db)
    _wait_for(lambda: endpoint.stats()["paid"] >= CALLS / 3, process)
    os.kill(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=30)

    assert process.returncode == 130
    assert "Traceback" not in err
    assert f"stored in {db}" in out
    assert "the same command goes on from here" in err
    kept = states(db)["answered"]
    assert endpoint.stats()["paid"] == kept < CALLS

    second = _run(study_file, db)
    assert second.wait(60) == 0
    second.communicate()
    assert states(db) == {"answered": CALLS}
    assert endpoint.stats()["paid"] == CALLS


def test_a_second_interruption_leaves_calls_that_hang(study_file, tmp_path, endpoint):
    endpoint.config(p_hang=1.0)
    process = _run(study_file, tmp_path / "study.duckdb")
    _wait_for(lambda: endpoint.stats()["in_flight"] >= 1, process)
    os.kill(process.pid, signal.SIGINT)
    time.sleep(0.3)
    os.kill(process.pid, signal.SIGINT)
    start = time.monotonic()
    _, err = process.communicate(timeout=30)

    assert process.returncode == 130
    assert "Traceback" not in err
    assert time.monotonic() - start < 4  # the time-out of a call is 5 s


def test_status_and_sql_count_what_is_answered_while_the_run_goes_on(study_file, tmp_path, endpoint):
    endpoint.config(latency_ms=150)
    db = tmp_path / "study.duckdb"
    process = _run(study_file, db)
    _wait_for(lambda: endpoint.stats()["paid"] >= CONCURRENCY, process)
    counts, slowest = [], 0.0
    for _ in range(4):
        start = time.monotonic()
        paid = endpoint.stats()["paid"]
        counts.append((paid, status(db).settled, sql(db, "SELECT count(*) FROM answer")[1][0][0]))
        slowest = max(slowest, time.monotonic() - start)
        time.sleep(0.3)
    going_on = process.poll() is None
    process.communicate(timeout=60)

    assert going_on
    assert slowest < 5
    assert counts[-1][1] > counts[0][1]
    assert all(paid - CONCURRENCY <= settled <= counted for paid, settled, counted in counts)

"""A run killed or interrupted from outside, and what the same command does afterwards."""

from __future__ import annotations

import signal
import time

import pytest
from command_process import Command
from runner_studies import N_ITEMS, N_PERSONAS, loopback, one, states, write_study

from persona_big5.store import sql, status

CONCURRENCY = 6
RUNS = 4
CALLS = N_ITEMS * N_PERSONAS * RUNS


@pytest.fixture
def db(tmp_path):
    return tmp_path / "out" / "study.duckdb"


@pytest.fixture
def run(tmp_path, db, endpoint):
    """Start the run, the same each time."""
    endpoint.config(latency_ms=20)
    study = write_study(tmp_path, [loopback(endpoint.url, limits={"concurrency": CONCURRENCY})], runs=RUNS)
    return lambda: Command(tmp_path, "run", study, "--db", db)


@pytest.mark.parametrize("share", [0.2, 0.8])
def test_a_kill_loses_no_answer_and_wastes_at_most_the_calls_in_flight(run, db, endpoint, share):
    first = run()
    first.wait_until(lambda: endpoint.stats()["paid"] >= share * CALLS)
    first.send(signal.SIGKILL)
    assert first.wait()[0] == -signal.SIGKILL
    kept = states(db).get("answered", 0)

    code, out, err = run().wait()

    assert code == 0, err
    assert f"{kept} administrations were settled before" in out
    assert states(db) == {"answered": CALLS}
    assert one(db, "SELECT count(DISTINCT session) FROM exchange") == CALLS
    assert kept > 0
    assert endpoint.stats()["paid"] - CALLS <= CONCURRENCY


def test_an_interrupted_run_says_what_is_stored_and_goes_on_later(run, db, endpoint):
    first = run()
    first.wait_until(lambda: endpoint.stats()["paid"] >= CALLS / 3)
    first.send(signal.SIGINT)
    code, out, err = first.wait()

    assert code == 130
    assert "Traceback" not in err
    assert f"stored in {db}" in out
    assert "the same command goes on from here" in err
    assert endpoint.stats()["paid"] == states(db)["answered"] < CALLS

    assert run().wait()[0] == 0
    assert states(db) == {"answered": CALLS}
    assert endpoint.stats()["paid"] == CALLS


def test_a_second_interruption_leaves_calls_that_hang(run, endpoint):
    endpoint.config(p_hang=1.0)
    process = run()
    process.wait_until(lambda: endpoint.stats()["in_flight"] >= 1)
    process.send(signal.SIGINT)
    time.sleep(0.2)
    assert process.is_running
    process.send(signal.SIGINT)
    start = time.monotonic()
    code, _, err = process.wait()

    assert code == 130
    assert "Traceback" not in err
    assert time.monotonic() - start < 4  # the time-out of a call is 5 s


def test_status_and_sql_count_what_is_answered_while_the_run_goes_on(run, db, endpoint):
    process = run()
    endpoint.config(latency_ms=150)
    process.wait_until(lambda: endpoint.stats()["paid"] >= CONCURRENCY)
    counts, slowest = [], 0.0
    for _ in range(4):
        start = time.monotonic()
        paid = endpoint.stats()["paid"]
        counts.append((paid, status(db).settled, sql(db, "SELECT count(*) FROM answer")[1][0][0]))
        slowest = max(slowest, time.monotonic() - start)
        time.sleep(0.2)
    assert process.is_running
    process.send(signal.SIGKILL)
    process.wait()

    assert slowest < 5
    assert counts[-1][1] > counts[0][1]
    assert all(paid - CONCURRENCY <= settled <= counted for paid, settled, counted in counts)


def test_a_second_writer_is_refused_and_names_the_first(run, db, endpoint):
    endpoint.config(latency_ms=300)
    first = run()
    first.wait_until(lambda: endpoint.stats()["in_flight"] >= 1)
    code, _, err = run().wait()
    first.send(signal.SIGKILL)
    first.wait()

    assert code == 2
    assert "(run) is writing to" in err
    assert "Traceback" not in err

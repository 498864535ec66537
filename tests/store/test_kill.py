"""SIGKILL at any instant: nothing acknowledged is lost, nothing is doubled, and the database opens."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from persona_big5.errors import StoreError
from persona_big5.store import export, long_table, open_for_writing, sql, status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

WRITER = Path(__file__).with_name("writer_process.py")


class Writer:
    """The process, and what it has acknowledged so far."""

    def __init__(self, database: Path, runs: int = 120) -> None:
        command = [sys.executable, WRITER, database, str(runs)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.ready = threading.Event()
        self.acknowledged: list[str] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line == "ready\n":
                self.ready.set()
            elif line.endswith("\n"):
                self.acknowledged.append(line.strip())
        self.ready.set()

    def kill(self) -> list[str]:
        self.process.send_signal(signal.SIGKILL)
        return self.finish()

    def finish(self) -> list[str]:
        self._reader.join(timeout=60)
        assert self.process.stdout is not None
        self.process.stdout.close()
        self.process.wait(timeout=60)
        return self.acknowledged


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Path]:
    return tmp_path / "study.duckdb"


def answered(database: Path) -> set[str]:
    return {row[0] for row in sql(database, "SELECT administration FROM answer")[1]}


def test_ten_kills_lose_and_double_nothing(database: Path) -> None:
    chance = random.Random(20261121)
    acknowledged: set[str] = set()
    for _ in range(10):
        writer = Writer(database)
        assert writer.ready.wait(60)
        time.sleep(chance.uniform(0, 0.25))
        recorded = writer.kill()
        assert not acknowledged & set(recorded), "asked again what was stored"
        acknowledged |= set(recorded)
        found = answered(database)
        assert acknowledged <= found
        assert len(found - acknowledged) <= 10, "at most one line per kill was written and not yet acknowledged"
    assert len(acknowledged) > 100
    with open_for_writing(database, "run") as store:
        assert store.settled() == found
    rows = sql(database, "SELECT count(*), count(DISTINCT session) FROM exchange")[1]
    assert rows == [(len(found), len(found))]


def test_a_reader_sees_every_acknowledged_record_while_the_writer_goes_on(database: Path) -> None:
    writer = Writer(database)
    assert writer.ready.wait(60)
    counts = []
    while writer.process.poll() is None and len(counts) < 12:
        before = list(writer.acknowledged)
        found = answered(database)
        assert set(before) <= found
        counts.append(len(found))
    writer.kill()
    assert counts == sorted(counts)
    assert counts[-1] > counts[0]


def test_every_way_of_reading_works_while_the_writer_goes_on(database: Path, tmp_path: Path) -> None:
    readers: dict[str, Callable[[], int]] = {
        "status": lambda: status(database).settled,
        "sql": lambda: len(answered(database)),
        "long_table": lambda: int((long_table(database)["state"] == "answered").sum()),
        "export": lambda: export(database, tmp_path / "out.csv") and exported(tmp_path / "out.csv"),
    }
    counts: dict[str, list[int]] = {name: [] for name in readers}
    writer = Writer(database, runs=2000)  # more than it can do in the time
    try:
        assert writer.ready.wait(60)
        for name, read in [*readers.items()] * 3:
            before = len(writer.acknowledged)
            counts[name].append(read())
            assert counts[name][-1] >= before
        assert writer.process.poll() is None
    finally:
        writer.kill()
    assert all(found[-1] > found[0] for found in counts.values())


def exported(csv: Path) -> int:
    return int((pd.read_csv(csv, usecols=["state"])["state"] == "answered").sum())


def test_a_second_writer_is_refused_by_name_until_the_first_is_dead(database: Path) -> None:
    writer = Writer(database)
    assert writer.ready.wait(60)
    refusal = rf"process {writer.process.pid} \(run\) is writing to .*study\.duckdb; wait"
    with pytest.raises(StoreError, match=refusal), open_for_writing(database, "import"):
        pytest.fail("two writers")
    writer.kill()
    with open_for_writing(database, "import") as store:
        assert len(store.settled()) >= len(writer.acknowledged)
    assert not list(database.parent.glob("*.journal*"))

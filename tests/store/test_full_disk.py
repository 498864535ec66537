"""A disk that is really full: what was answered is kept, every command says so, and with room again all is well."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pandas as pd
import pytest
from store_samples import make_answers, make_exchange, make_sessions, make_study

from persona_big5.errors import StoreError
from persona_big5.store import import_answers, open_for_writing, sql, status
from persona_big5.store.longtable import as_long

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MEBIBYTE = 2**20


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 16 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    try:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", folder], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"mounting a small disk is not permitted here: {error}")
    yield folder
    subprocess.run(["umount", folder], check=True)


def fill(disk: Path, room: int = 0, name: str = "filler") -> Path:
    """Leave as much room on the disk as said, in bytes."""
    filler = disk / name
    filler.write_bytes(bytes(shutil.disk_usage(disk).free - room))
    assert shutil.disk_usage(disk).free <= room
    return filler


def record_on_a_disk_that_fills(path: Path) -> None:
    study = make_study(runs=5)
    with open_for_writing(path, "run") as store:
        store.register(study, "1", make_sessions(study))
        assert not store.disk_is_full
        fill(path.parent)
        for session in make_sessions(study):
            exchange = make_exchange(session, text="x" * 20_000)
            store.record(exchange, make_answers(session, exchange))
        assert store.disk_is_full
        fill(path.parent, name="more")


def test_replies_in_flight_are_kept_and_merged_when_there_is_room_again(disk: Path) -> None:
    path = disk / "s.duckdb"
    with pytest.raises(StoreError, match=r"could not be merged\. Nothing is lost: .*No space left on device"):
        record_on_a_disk_that_fills(path)
    assert sql(path, "SELECT count(*) FROM answer")[1] == [(120,)]
    assert status(path).settled == 120
    with pytest.raises(StoreError, match="No space left on device"), open_for_writing(path, "run"):
        pytest.fail("opened")
    for name in ("filler", "more"):
        (disk / name).unlink()
    with open_for_writing(path, "run") as store:
        assert len(store.settled()) == 120
        assert not store.disk_is_full
    assert {file.name for file in disk.iterdir()} == {"s.duckdb", "s.duckdb.lock"}


def test_a_disk_too_full_for_the_room_to_be_kept_counts_as_full_from_the_start(disk: Path) -> None:
    with open_for_writing(disk / "s.duckdb", "run"):
        pass
    fill(disk, room=MEBIBYTE)
    with open_for_writing(disk / "s.duckdb", "run") as store:
        assert store.disk_is_full
        assert not (disk / "s.duckdb.ballast").exists()


def test_no_command_that_needs_room_ends_in_a_traceback(disk: Path) -> None:
    path, study = disk / "s.duckdb", make_study(runs=200)
    with open_for_writing(path, "run"):
        pass
    fill(disk, room=32 * 1024)
    with pytest.raises(StoreError, match="No space left"), open_for_writing(path, "run") as store:
        store.register(study, "1", make_sessions(study))
    table = as_long(pd.DataFrame({"item_id": [f"q{i}" for i in range(20_000)], "score": 3.0}))
    with pytest.raises(StoreError, match=r"could not be written.*No space left"):
        import_answers(table, path, "others")
    with pytest.raises(StoreError, match=r"could not be created.*No space left"), open_for_writing(disk / "t", "run"):
        pytest.fail("opened")
    assert sql(path, "SELECT count(*) FROM administration")[1] == [(0,)]

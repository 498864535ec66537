"""Rows on their way into the database, kept in a file beside it so that memory does not grow with their number."""

from __future__ import annotations

import gzip
import json
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING

from persona_big5.store.database import failing_with

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    import duckdb

_ROWS_AT_ONCE = 5_000
_FAST = 1  # compression that hardly costs time: rows repeat much of what they hold


@contextmanager
def spilled(database: Path, columns: Mapping[str, str], rows: Iterable[tuple[object, ...]]) -> Iterator[Path]:
    """Write rows, in the order of the columns, to a file of JSON lines that goes away at the end.

    Taking the rows may mean reading the database: it need not be closed until the file is written.
    """
    path = database.with_name(database.name + ".spill.gz")
    try:
        remaining = iter(rows)
        with (
            failing_with(f"{path} could not be written"),
            gzip.open(path, "wt", compresslevel=_FAST, encoding="utf-8") as file,
        ):
            while batch := list(islice(remaining, _ROWS_AT_ONCE)):
                file.writelines(json.dumps(dict(zip(columns, row, strict=True))) + "\n" for row in batch)
        yield path
    finally:
        path.unlink(missing_ok=True)


def view_spilled(connection: duckdb.DuckDBPyConnection, name: str, path: Path, columns: Mapping[str, str]) -> None:
    """Create a view of rows written by `spilled`; ``columns`` maps names to types of DuckDB."""
    rows = connection.read_json(str(path), columns=dict(columns), format="newline_delimited", compression="gzip")
    rows.create_view(name)

"""Rows on their way into the database, kept in a file beside it so that memory does not grow with their number."""

from __future__ import annotations

from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from persona_big5.store.database import failing_with

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_ROWS_AT_ONCE = 20_000


@contextmanager
def spilled(database: Path, schema: pa.Schema, rows: Iterable[tuple[object, ...]]) -> Iterator[Path]:
    """Write rows, in the order of the schema's columns, to a Parquet file that goes away at the end.

    Taking the rows may mean reading the database: it need not be closed until the file is written.
    """
    path = database.with_name(database.name + ".spill")
    try:
        remaining = iter(rows)
        with failing_with(f"{path} could not be written"), pq.ParquetWriter(path, schema, compression="zstd") as writer:
            while batch := list(islice(remaining, _ROWS_AT_ONCE)):
                columns = [
                    pa.array(values, type=field.type)
                    for values, field in zip(zip(*batch, strict=True), schema, strict=True)
                ]
                writer.write_batch(pa.record_batch(columns, schema=schema))
        yield path
    finally:
        path.unlink(missing_ok=True)

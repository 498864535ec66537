"""A few columns of a table of any length, its texts as categories: ten million rows in a few hundred megabytes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import numpy as np
import pandas as pd

from persona_big5.errors import DataError
from persona_big5.store.exporting import long_rows, quoted
from persona_big5.store.longtable import MISSING, read_table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from os import PathLike

SUMS = ("n", "sum", "sum_of_squares")
"""Columns by which a table of group sums is known."""
ROWS_AT_ONCE = 1 << 17


def read_observations(path: str | PathLike[str], columns: Sequence[str], score: str = "score") -> pd.DataFrame:
    """Read the columns of a design and the scores from a table, under the names that they have there.

    Parameters
    ----------
    path
        A table as Parquet, CSV (also .gz) or JSON lines, or a database (its long table).
    columns
        Columns that become categories; their values are taken as text.
    score
        Column of numbers. A table of group sums gives ``n``, ``sum`` and ``sum_of_squares`` instead.

    Returns
    -------
    frame
        Empty cells are missing. Where a column is not there, or the file is none that DuckDB can read, the whole table
        as ``read_table`` gives it.

    Raises
    ------
    DataError
        The file cannot be read, or a number is none.
    """
    path = Path(path)
    if path.name.removesuffix(".gz").endswith((".jsonl", ".ndjson")):
        return read_table(path)
    try:
        with long_rows(path) as connection:
            connection.execute("SET threads = 1")  # more would buffer more than they save
            present = connection.table("long").columns
            numbers = SUMS if set(SUMS) <= set(present) else (score,)
            if {*columns, *numbers} <= set(present):
                return _read(connection, columns, numbers, path)
    except (duckdb.InvalidInputException, duckdb.IOException):
        pass  # a file that DuckDB cannot read is read, or refused in words, like any other table
    return read_table(path)


def _read(
    connection: duckdb.DuckDBPyConnection, columns: Sequence[str], numbers: Sequence[str], path: Path
) -> pd.DataFrame:
    n = int(connection.execute("SELECT count(*) FROM long").fetchall()[0][0])
    if n == 0:
        raise DataError(f"{path}: has no rows of answers")
    texts = _texts(connection, columns)
    kinds = {column: f"levels_{i}" for i, column in enumerate(columns)}
    for column, kind in kinds.items():
        distinct = f"SELECT DISTINCT {texts[column]} AS name FROM long WHERE name IS NOT NULL ORDER BY 1"  # noqa: S608  (names quoted)
        connection.execute(f"CREATE TYPE {kind} AS ENUM ({distinct})")
    levels = {column: _levels(connection, kind) for column, kind in kinds.items()}
    codes = {column: np.empty(n, dtype=_smallest(len(levels[column]))) for column in columns}
    values = {column: np.empty(n) for column in numbers}
    wrong = at = 0
    for batch in connection.sql(_query(texts, kinds, numbers)).to_arrow_reader(ROWS_AT_ONCE):
        block = slice(at, at + len(batch))
        for target in (codes, values):
            for column, array in target.items():
                array[block] = batch.column(column).to_numpy(zero_copy_only=False)
        wrong += int(batch.column("wrong of these").to_numpy(zero_copy_only=False).sum())
        at = block.stop
    if wrong:
        raise DataError(f"{path}: {wrong} scores are not numbers; leave a missing answer empty")
    categories = {
        column: pd.Categorical.from_codes(array, dtype=pd.CategoricalDtype(levels[column]), validate=False)
        for column, array in codes.items()
    }
    return pd.DataFrame({**categories, **values}, copy=False)


def _texts(connection: duckdb.DuckDBPyConnection, columns: Sequence[str]) -> dict[str, str]:
    """Write each column as text in SQL; what is no number in a column of numbers is missing."""
    table = connection.table("long")
    kinds = dict(zip(table.columns, map(str, table.types), strict=True))
    return {
        column: f"nullif({quoted(column)}::VARCHAR, 'nan')"
        if kinds[column] in ("FLOAT", "DOUBLE")
        else f"{quoted(column)}::VARCHAR"
        for column in columns
    }


def _levels(connection: duckdb.DuckDBPyConnection, kind: str) -> list[str]:
    return list(connection.execute(f"SELECT enum_range(NULL::{kind})").fetchall()[0][0])


def _smallest(n_levels: int) -> type[np.signedinteger]:
    """Smallest type of codes from -1 to n_levels - 1, as pandas takes it."""
    return next(kind for kind in (np.int8, np.int16, np.int32) if n_levels <= np.iinfo(kind).max)


def _query(texts: Mapping[str, str], kinds: Mapping[str, str], numbers: Sequence[str]) -> str:
    codes = [
        f"coalesce(enum_code(({texts[column]})::{kind})::INTEGER, -1) AS {quoted(column)}"
        for column, kind in kinds.items()
    ]
    values = [
        f"coalesce(TRY_CAST({quoted(column)} AS DOUBLE), 'nan'::DOUBLE) AS {quoted(column)}" for column in numbers
    ]
    wrong = " OR ".join(
        f"(TRY_CAST({quoted(column)} AS DOUBLE) IS NULL AND trim({quoted(column)}::VARCHAR) NOT IN {MISSING})"
        for column in numbers
    )
    wanted = ", ".join([*codes, *values])
    return f'SELECT {wanted}, coalesce({wrong}, false) AS "wrong of these" FROM long'  # noqa: S608  (names quoted)

"""Long tables read: columns as codes, one row per run and one column per item, sums by group."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from persona_big5.errors import DataError
from persona_big5.variance.groups import all_distinct, distinct_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from persona_big5.variance.groups import FloatArray, IntArray


def codes_of(frame: pd.DataFrame, columns: Sequence[str]) -> IntArray:
    """Code the values of columns as integers (N, n_columns), in order of first appearance.

    Categories keep their own codes, in as few bytes as they have: so do tables of millions of rows fit in memory.

    Raises
    ------
    DataError
        Where a value is missing, naming the column.
    """
    import pandas as pd

    coded = []
    for column in columns:
        values = frame[column]
        categories = isinstance(values.dtype, pd.CategoricalDtype)
        codes = values.cat.codes.to_numpy() if categories else pd.factorize(values, sort=False)[0]
        if (missing := int((codes < 0).sum())) > 0:
            raise DataError(f"column '{column}' has {missing} missing values; every row needs a value there")
        coded.append(codes)
    matrix = np.empty((len(frame), len(columns)), dtype=np.result_type(np.int8, *coded), order="F")
    for i, codes in enumerate(coded):
        matrix[:, i] = codes
    return matrix


def runs_by_items(
    frame: pd.DataFrame, row_columns: Sequence[str], item_column: str, score: str = "score"
) -> tuple[FloatArray, IntArray]:
    """Lay a long table out with one row per combination of ``row_columns`` and one column per item.

    Categories (``store.columns.read_observations``) keep their codes, so that tables of millions of rows are no burden.

    Returns
    -------
    scores
        Shape (N, items), items in the order of their codes, NaN missing.
    codes
        Levels of ``row_columns``, shape (N, n_columns).

    Raises
    ------
    DataError
        Where a value of a column is missing, or a row has two scores for one item.
    """
    codes, item = codes_of(frame, row_columns), codes_of(frame, [item_column])[:, 0]
    row, levels = distinct_rows(codes)
    items, names = distinct_rows(item[:, None])
    if not all_distinct(np.column_stack([row, items])):
        raise DataError(f"some combinations of {', '.join(row_columns)} have several scores for one {item_column}")
    scores = np.full((len(levels), len(names)), np.nan)
    scores[row, items] = frame[score].to_numpy()
    return scores, levels


def group_sums(frame: pd.DataFrame, by: Sequence[str], score: str = "score") -> pd.DataFrame:
    """Sum ``score`` by group: columns ``by``, ``n``, ``sum``, ``sum_of_squares``.

    Rows with a missing score are left out. The same table as ``store.group_sums`` makes from a file with one scan.

    Raises
    ------
    DataError
        Where one of ``by`` has missing values.
    """
    import pandas as pd

    present = frame[frame[score].notna()]
    values = present[score].to_numpy(dtype=float)
    codes = codes_of(present, by)
    groups, levels = distinct_rows(codes)
    table = pd.DataFrame(index=range(len(levels)))
    first = np.full(len(levels), len(present), dtype=np.int64)
    np.minimum.at(first, groups, np.arange(len(present)))
    for column in by:
        table[column] = present[column].to_numpy()[first]
    table["n"] = np.bincount(groups, minlength=len(levels))
    table["sum"] = np.bincount(groups, weights=values, minlength=len(levels))
    table["sum_of_squares"] = np.bincount(groups, weights=values**2, minlength=len(levels))
    return table

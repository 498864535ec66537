"""Columns of a design read from any table, texts as categories."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from persona_big5.errors import DataError
from persona_big5.store.columns import read_observations

ROWS = pd.DataFrame(
    {
        "persona": ["none", "pirate", None, "pirate", 'it\'s "odd"'],
        "run": [1, 2, 1, 2, 1],
        "score": [1.0, np.nan, 3.5, 4.0, -2.0],
        "text": ["a", "b", "c", "d", "e"],
    }
)


def written(tmp_path, frame, kind):
    path = tmp_path / f"table.{kind}"
    if kind == "parquet":
        frame.to_parquet(path)
    elif kind == "jsonl":
        frame.to_json(path, orient="records", lines=True)
    else:
        frame.to_csv(path, index=False)
    return path


@pytest.mark.parametrize("kind", ["parquet", "csv", "csv.gz", "jsonl"])
def test_every_kind_of_file_gives_the_same_columns(tmp_path, kind):
    found = read_observations(written(tmp_path, ROWS, kind), ["persona", "run"])
    names = found["persona"].astype(object)
    assert [None if pd.isna(name) else name for name in names] == ["none", "pirate", None, "pirate", 'it\'s "odd"']
    assert list(found["run"].astype(str)) == ["1", "2", "1", "2", "1"]
    np.testing.assert_array_equal(found["score"].to_numpy(float), ROWS["score"])


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_texts_are_categories_in_few_bytes_and_other_columns_stay_unread(tmp_path, kind):
    found = read_observations(written(tmp_path, ROWS, kind), ["persona", "run"])
    assert list(found) == ["persona", "run", "score"]
    assert found["persona"].cat.codes.dtype == np.int8
    assert list(found["persona"].cat.categories) == sorted({"none", "pirate", 'it\'s "odd"'})


def test_many_levels_take_the_bytes_they_need(tmp_path):
    frame = pd.DataFrame({"persona": [f"p{i:03d}" for i in range(300)], "score": 1.0})
    codes = read_observations(written(tmp_path, frame, "parquet"), ["persona"])["persona"].cat.codes
    assert codes.dtype == np.int16
    np.testing.assert_array_equal(codes, np.arange(300))


def test_group_sums_are_read_as_such(tmp_path):
    sums = pd.DataFrame({"persona": ["a", "b"], "n": [2, 1], "sum": [3.0, 4], "sum_of_squares": [5.0, 16]})
    found = read_observations(written(tmp_path, sums, "parquet"), ["persona"])
    np.testing.assert_array_equal(found[["n", "sum", "sum_of_squares"]], sums[["n", "sum", "sum_of_squares"]])


def test_missing_is_what_it_is_elsewhere(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("p,score\nNA,1\nb,NA\nc,\n,2\n")
    found = read_observations(path, ["p"])
    np.testing.assert_array_equal(found["p"].isna(), [False, False, False, True])
    np.testing.assert_array_equal(found["score"], [1, np.nan, np.nan, 2])
    numbers = pd.DataFrame({"p": [1.5, np.nan], "score": [1.0, 2.0]})
    np.testing.assert_array_equal(read_observations(written(tmp_path, numbers, "parquet"), ["p"])["p"].isna(), [0, 1])


def test_what_is_wrong_is_said(tmp_path):
    wrong = written(tmp_path, pd.DataFrame({"p": ["a", "b"], "score": ["1", "often"]}), "csv")
    with pytest.raises(DataError, match="1 scores are not numbers"):
        read_observations(wrong, ["p"])
    empty = written(tmp_path, ROWS[:0], "parquet")
    with pytest.raises(DataError, match="has no rows"):
        read_observations(empty, ["persona"])
    other = tmp_path / "semicolons.csv"
    other.write_text("p;score\na;1\n")
    with pytest.raises(DataError, match="cells are separated by ';'"):
        read_observations(other, ["p"])
    ragged = tmp_path / "ragged.csv"
    ragged.write_text("p,score\n" + "a,1\n" * 3000 + "a,1,2\n")
    with pytest.raises(DataError, match="cannot be read as a table"):
        read_observations(ragged, ["p"])
    with pytest.raises(DataError, match="no such file"):
        read_observations(tmp_path / "absent.parquet", ["p"])
    broken = tmp_path / "broken.parquet"
    broken.write_bytes(b"PAR1 not really")
    with pytest.raises(DataError, match="cannot be read as a table"):
        read_observations(broken, ["p"])


def test_a_table_without_the_column_is_given_whole(tmp_path):
    assert list(read_observations(written(tmp_path, ROWS, "parquet"), ["judge"])) == list(ROWS)

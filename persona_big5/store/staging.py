"""Journal lines as tables: taken into the database by the writer, laid over it by a reader."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from persona_big5.store.records import FROM_LOG_PROBABILITIES

if TYPE_CHECKING:
    from collections.abc import Iterable

    import duckdb

ANSWER_COLUMNS = {
    "administration": "VARCHAR",
    "exchange": "VARCHAR",
    "state": "VARCHAR",
    "raw_response": "VARCHAR",
    "score": "DOUBLE",
    "reason": "VARCHAR",
    "parser_version": "INTEGER",
    "scored_from": "VARCHAR",
    **dict.fromkeys(FROM_LOG_PROBABILITIES, "DOUBLE"),
}
"""Columns of the table `answer` with their types."""

# Fields of a line in the order of the columns of the tables `exchange` and `answer`.
_SHAPE = json.dumps(
    {
        "exchange": {
            "id": "VARCHAR",
            "session": "VARCHAR",
            "turn": "INTEGER",
            "attempt": "INTEGER",
            "messages": "JSON",
            "parameters_sent": "JSON",
            "parameters_dropped": "JSON",
            "text": "VARCHAR",
            "finish_reason": "VARCHAR",
            "model_returned": "VARCHAR",
            "fingerprint": "VARCHAR",
            "tokens_in": "BIGINT",
            "tokens_out": "BIGINT",
            "tokens_reasoning": "BIGINT",
            "cost": "DOUBLE",
            "started_at": "TIMESTAMP",
            "seconds": "DOUBLE",
            "error": "VARCHAR",
            "failure": "VARCHAR",
            "thoughts": "VARCHAR",
            "logprobs": "JSON",
        },
        "answers": [ANSWER_COLUMNS],
    }
)

_TABLES = """
CREATE OR REPLACE TEMP TABLE journal_exchange AS SELECT 0::BIGINT AS number, * FROM store.exchange LIMIT 0;
CREATE OR REPLACE TEMP TABLE journal_answer AS SELECT 0::BIGINT AS number, * FROM store.answer LIMIT 0;
"""

# A value that does not fit its column becomes NULL, and a line without ids is put aside: no line can hold up a merge.
_RECORDS = """
CREATE OR REPLACE TEMP TABLE journal_record AS
SELECT number, line, json_transform(if(json_valid(line), line, 'null'), $shape) AS record
FROM (SELECT unnest($lines::VARCHAR[]) AS line, unnest(range($first::BIGINT, $first + len($lines))) AS number)
"""

_FILL = """
CREATE OR REPLACE TEMP TABLE journal_readable AS
SELECT number, record FROM journal_record WHERE record.exchange.id IS NOT NULL AND record.exchange.session IS NOT NULL;
INSERT INTO journal_exchange SELECT number, unnest(record.exchange) FROM journal_readable;
INSERT INTO journal_answer
SELECT number, unnest(answer) FROM (SELECT number, unnest(record.answers) AS answer FROM journal_readable);
"""

_UNREADABLE = "SELECT line FROM journal_record WHERE record.exchange.id IS NULL OR record.exchange.session IS NULL"

# An administration may come twice (asked again after a failure), a line too (read while set aside): the last holds. A
# line that was merged before, by a command killed before it dropped the journal, brings no new exchange.
_LAST = """
CREATE OR REPLACE TEMP TABLE last_exchange AS
SELECT * EXCLUDE (number) FROM journal_exchange
QUALIFY row_number() OVER (PARTITION BY exchange ORDER BY number DESC) = 1;
CREATE OR REPLACE TEMP TABLE new_exchange AS FROM last_exchange ANTI JOIN store.exchange USING (exchange);
CREATE OR REPLACE TEMP TABLE last_answer AS
SELECT * EXCLUDE (number) FROM journal_answer
QUALIFY row_number() OVER (PARTITION BY administration ORDER BY number DESC) = 1;
CREATE OR REPLACE TEMP TABLE new_exchange_administration AS
SELECT DISTINCT exchange, administration FROM journal_answer SEMI JOIN new_exchange USING (exchange);
DROP TABLE last_exchange;
DROP TABLE journal_exchange;
DROP TABLE journal_answer;
DROP TABLE IF EXISTS journal_record;
DROP TABLE IF EXISTS journal_readable;
"""

_MERGE = """
INSERT INTO store.exchange FROM new_exchange;
INSERT INTO store.exchange_administration FROM new_exchange_administration;
DELETE FROM store.answer WHERE administration IN (SELECT administration FROM last_answer);
INSERT INTO store.answer FROM last_answer;
"""

_OVERLAY = """
CREATE VIEW exchange AS FROM store.exchange UNION ALL FROM new_exchange;
CREATE VIEW exchange_administration AS
FROM store.exchange_administration UNION ALL FROM new_exchange_administration;
CREATE VIEW answer AS
FROM store.answer ANTI JOIN last_answer USING (administration) UNION ALL FROM last_answer;
"""


def stage(connection: duckdb.DuckDBPyConnection, batches: Iterable[list[str]]) -> list[str]:
    """Read lines into temporary tables of a connection to the database; return the lines that are no records."""
    connection.execute(_TABLES)
    unreadable: list[str] = []
    first = 0
    for lines in batches:
        connection.execute(_RECORDS, {"lines": lines, "first": first, "shape": _SHAPE})
        connection.execute(_FILL)
        unreadable += [line for (line,) in connection.execute(_UNREADABLE).fetchall()]
        first += len(lines)
    connection.execute(_LAST)
    return unreadable


def merge_staged(connection: duckdb.DuckDBPyConnection) -> None:
    """Put what was staged into the database, in one transaction; doing it twice changes nothing."""
    connection.begin()
    connection.execute(_MERGE)
    connection.commit()


def overlay_staged(connection: duckdb.DuckDBPyConnection) -> None:
    """Create the views ``exchange``, ``exchange_administration`` and ``answer``: stored and staged rows together."""
    connection.execute(_OVERLAY)

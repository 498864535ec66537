"""The writer: registers what a study plans, records what comes back, and keeps the database up with the journal."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from persona_big5.errors import StoreError
from persona_big5.store.ballast import says_full
from persona_big5.store.database import PATIENCE, BusyError, attached, bring_up_to_date, create, failing_with
from persona_big5.store.journal import Journal, as_line
from persona_big5.store.lock import writer_lock
from persona_big5.store.migrations import MIGRATIONS
from persona_big5.store.reading import connect_reading
from persona_big5.store.records import OPEN_STATES
from persona_big5.store.registering import PLAN_COLUMNS, plan_rows, register_study
from persona_big5.store.settled import SettledIds, settled_ids
from persona_big5.store.spill import spilled, view_spilled
from persona_big5.store.staging import ANSWER_COLUMNS, merge_staged, stage

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from os import PathLike

    from persona_big5.store.records import Answer, Exchange
    from persona_big5.study.model import Study
    from persona_big5.study.plan import Session

_SAME_EXCHANGE = "old.administration = reread.administration AND old.exchange = reread.exchange"
_CHANGED = f"""
SELECT count(*) FROM reread JOIN store.answer AS old ON {_SAME_EXCHANGE}
WHERE (reread.state, reread.raw_response, reread.score, reread.scored_from)
    IS DISTINCT FROM (old.state, old.raw_response, old.score, old.scored_from)
"""  # noqa: S608  (a constant of ours)
_REPLACE = f"""
UPDATE store.answer AS old SET {", ".join(f"{column} = reread.{column}" for column in [*ANSWER_COLUMNS][2:])}
FROM reread WHERE {_SAME_EXCHANGE}
"""  # noqa: S608  (our own column names)

_TURNS = """
WITH unsettled AS (
    SELECT DISTINCT session FROM administration LEFT JOIN answer USING (administration)
    WHERE NOT superseded AND coalesce(state, 'not_asked') IN (SELECT unnest($1))),
last_reply AS (
    SELECT session, turn, arg_max(coalesce(text, ''), (started_at, attempt)) AS text
    FROM exchange SEMI JOIN unsettled USING (session)
    WHERE error IS NULL OR failure = 'filtered'
    GROUP BY session, turn),
in_a_row AS (
    SELECT * FROM last_reply QUALIFY turn = row_number() OVER (PARTITION BY session ORDER BY turn))
SELECT session, list(text ORDER BY turn) FROM in_a_row GROUP BY session
"""

# A merge goes on beside the asking: it takes one core, and batches of the journal fit into this memory ten times over.
_MODEST = "SET threads = 1; SET memory_limit = '512MB'"

_PATIENCE_AT_START = 5.0
_SYNC_EVERY = 1.0
_MERGE_EVERY = 5.0


@contextmanager
def open_for_writing(path: str | PathLike[str], command: str) -> Iterator[Store]:
    """Open a database for the one command that may write to it, creating it and its folder where missing.

    What an earlier, killed command left in the journal is merged first, and what this one leaves at the end.

    Parameters
    ----------
    path
        The database.
    command
        Name of the command, told to whoever else wants to write meanwhile.

    Raises
    ------
    StoreError
        Another command is writing to it, another program has it open, it is no database of persona-big5, or it has a
        newer schema.
    """
    database = Path(path)
    with ExitStack() as stack:
        stack.enter_context(writer_lock(database, command))
        if not database.exists():
            create(database)
        bring_up_to_date(database, MIGRATIONS, wait=_PATIENCE_AT_START)
        store = Store(database)
        store.merge(wait=_PATIENCE_AT_START)
        stack.enter_context(store.merging_in_background())
        yield store


class Store:
    """A database open for writing; made by `open_for_writing`.

    The DuckDB file itself is open only while something is put into it, so that others can read in between.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._journal = Journal(path)
        self._turn = threading.Lock()

    def register(self, study: Study, wave: str, sessions: Iterable[Session]) -> None:
        """Keep a resolved study and every administration of its plan; doing it again changes nothing.

        Administrations in the database that the plan asks under another id (a text was edited) are superseded: their
        answers stay stored and leave the view ``long``. Sessions are taken one by one; memory does not grow with their
        number.

        Raises
        ------
        StoreError
            Two administrations of the plan have the same key in the long table.
        """
        with spilled(self.path, PLAN_COLUMNS, plan_rows(sessions)) as plan, self.connected() as connection:
            register_study(connection, study, wave, plan)

    def settled(self) -> SettledIds:
        """Ids of administrations that need no further asking, from the database and the journal."""
        with connect_reading(self.path) as connection:
            return settled_ids(connection)

    def turns_so_far(self) -> dict[str, tuple[str, ...]]:
        """Return what was replied, verbatim, to turns 1, 2, … of each session that is begun and not settled.

        Only sessions in force that have open administrations are loaded, each up to its first turn without a readable
        reply; of a turn asked repeatedly the last reply counts. A reply that the provider's filter kept is ``""``.
        """
        with connect_reading(self.path) as connection:
            found = connection.execute(_TURNS, [sorted(OPEN_STATES)]).fetchall()
            return {session: tuple(replies) for session, replies in found}

    def record(self, exchange: Exchange, answers: Sequence[Answer]) -> None:
        """Keep one exchange and the answers read from it: one line in the journal, written before this returns.

        From then on no kill of the process can lose it; a power cut can take the last second. On a full disk the line
        goes into room kept back for that, and `disk_is_full` becomes true.

        Raises
        ------
        StoreError
            There is no room left at all, or the disk cannot be written to; nothing of this exchange was kept.
        ValueError
            The exchange or an answer contradicts its description in `records`.
        """
        self._journal.append(as_line(exchange, answers))

    @property
    def disk_is_full(self) -> bool:
        """Whether room has run out: what is in flight can still be kept, nothing new should be asked."""
        return self._journal.disk_is_full

    def merge(self, *, wait: float = 0.0) -> None:
        """Take the journal into the database, in one short transaction for every few thousand lines.

        Parameters
        ----------
        wait
            Seconds to wait for readers to leave.

        Raises
        ------
        BusyError
            Somebody is still reading; the journal stays and the next merge takes it.
        """
        with self._turn:
            if self._journal.is_aside:  # left by a kill, or by a merge that met a reader
                self._take_in(wait)
            if self._journal.set_aside():
                self._take_in(wait)

    def replace_answers(self, answers: Iterable[Answer]) -> int:
        """Replace answers by what the present parser reads from the same exchanges; return how many differ from before.

        Answers are taken one by one, and may come from `exchanges` of the same database. An answer whose administration
        has been answered by another exchange since is left out.
        """
        rows = (tuple(getattr(answer, column) for column in ANSWER_COLUMNS) for answer in answers)
        with spilled(self.path, ANSWER_COLUMNS, rows) as spill, self.connected() as connection:
            view_spilled(connection, "reread", spill, ANSWER_COLUMNS)
            connection.begin()
            row = connection.execute(_CHANGED).fetchone()
            connection.execute(_REPLACE)
            connection.commit()
        return int(row[0]) if row else 0

    @contextmanager
    def connected(self, wait: float = PATIENCE) -> Iterator[duckdb.DuckDBPyConnection]:
        """Open the database itself, one thread at a time.

        Raises
        ------
        StoreError
            There is no room on the disk for what is written to it, or too little memory.
        """
        told = f"{self.path} could not be written"
        with self._turn, failing_with(told), attached(self.path, read_only=False, wait=wait) as connection:
            yield connection

    def _take_in(self, wait: float) -> None:
        told = (
            f"the journal of {self.path} could not be merged. Nothing is lost: it stays beside the database, and the "
            "next writing command merges it"
        )
        try:
            for lines in self._journal.aside():  # one batch but for a journal that could not be merged for long
                # Closed after each batch: readers may come in between, and memory does not grow with the journal.
                with failing_with(told), attached(self.path, read_only=False, wait=wait) as connection:
                    connection.execute(_MODEST)
                    if unreadable := stage(connection, [lines]):
                        self._journal.keep_unreadable(unreadable)
                    merge_staged(connection)
        except StoreError as error:
            self._journal.disk_is_full |= says_full(error)
            raise
        self._journal.drop_aside()

    @contextmanager
    def merging_in_background(self) -> Iterator[None]:
        """Merge every few seconds in a thread; at the end merge the rest, or leave it to the next writing command."""
        self._journal.keep_room()
        stop = threading.Event()
        thread = threading.Thread(target=self._keep_up, args=(stop,), name="merge", daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()
            self._journal.sync()
            self._journal.give_back_room()
            with suppress(BusyError):
                self.merge(wait=PATIENCE)

    def _keep_up(self, stop: threading.Event) -> None:
        merged_at = time.monotonic()
        while not stop.wait(_SYNC_EVERY):
            # What fails here leaves the journal as it is, and the merge at the end says so if it still fails then.
            with suppress(StoreError, duckdb.Error, OSError):
                self._journal.sync()
                # On a full disk a merge would take the room that the journal needs.
                if time.monotonic() - merged_at >= _MERGE_EVERY and not self.disk_is_full:
                    self.merge()
                    merged_at = time.monotonic()

"""A writer that a test kills: it records a session every half millisecond, then names it on standard output."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from store_samples import make_answers, make_exchange, make_sessions, make_study

from persona_big5.store import open_for_writing, writing


def main(database: Path, runs: int) -> None:
    writing._SYNC_EVERY, writing._MERGE_EVERY = 0.02, 0.05
    study = make_study(runs=runs)
    with open_for_writing(database, "run") as store:
        store.register(study, "1", make_sessions(study))
        settled = store.settled()
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        for session in make_sessions(study):
            if session.administrations[0].id in settled:
                continue
            exchange = make_exchange(session, text="4" * 500)
            store.record(exchange, make_answers(session, exchange))
            sys.stdout.write(session.administrations[0].id + "\n")
            sys.stdout.flush()
            time.sleep(0.0003)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))

"""The program in a process of its own, forked from one that has imported it, so that starting it takes no seconds."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(
    ["litellm", "persona_big5.cli.main", "persona_big5.runner", "persona_big5.store.writing"]
)


class Command:
    """``persona-big5 ARGUMENTS``, started; output goes to files in ``folder``."""

    def __init__(self, folder: Path, *arguments: object) -> None:
        self._files = folder / f"out-{time.monotonic_ns()}", folder / f"err-{time.monotonic_ns()}"
        self._process = _CONTEXT.Process(target=_main, args=(list(map(str, arguments)), *map(str, self._files)))
        self._process.start()

    @property
    def is_running(self) -> bool:
        return self._process.is_alive()

    def send(self, signal_number: int) -> None:
        os.kill(self._process.pid, signal_number)

    def wait(self, seconds: float = 30) -> tuple[int, str, str]:
        """Exit code (negative: the signal that ended it), what it printed, and what it printed as error."""
        self._process.join(seconds)
        assert not self._process.is_alive(), "the command does not end"
        code = self._process.exitcode
        self._process.close()
        return code, *(file.read_text() for file in self._files)

    def wait_until(self, condition, seconds: float = 30) -> None:
        end = time.monotonic() + seconds
        while not condition():
            assert self.is_running, self.wait()
            assert time.monotonic() < end, "it does not come about"
            time.sleep(0.005)


def _main(arguments: list[str], out: str, err: str) -> None:
    from persona_big5.cli.main import main

    for number, path in ((1, out), (2, err)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), number)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.argv = ["persona-big5", *arguments]
    main()

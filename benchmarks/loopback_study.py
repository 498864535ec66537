"""A generated study that asks the loopback endpoint, and programs run on it as processes of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

PROGRAM = str(Path(sys.executable).with_name("persona-big5"))

_SCALE = {
    "values": [1, 2, 3, 4, 5],
    "labels": ["Strongly disagree", "Disagree", "Neither", "Agree", "Strongly agree"],
}


@dataclass(frozen=True, slots=True)
class Finished:
    """What a process came to; ``exit_code`` is negative for the signal that ended it."""

    exit_code: int
    seconds: float
    user_seconds: float
    peak_mb: float
    output: str


def persona_text(number: int) -> str:
    return f"You are persona {number}, a {20 + number % 60} year old nurse from Porto. Answer every item as she would."


def item_text(number: int) -> str:
    return f"Statement number {number} describes what I do most of the time."


def write_study(folder: Path, url: str, *, n_personas: int, n_items: int, runs: int = 1, **llm_fields: object) -> Path:
    """Write a study of ``n_personas`` x ``n_items`` x ``runs`` isolated items; ``llm_fields`` go to its only llm."""
    items = [
        {"id": f"steady-{i}", "scale": "steady", "key": 1, "text": item_text(i), "response_scale": "agree5"}
        for i in range(1, n_items + 1)
    ]
    questionnaire = {
        "questionnaire": "generated",
        "version": 1,
        "response_scales": {"agree5": _SCALE},
        "wordings": {"a": "How well does this describe you?\n\n{item}"},
        "scales": {"steady": {"high": "steady", "low": "wavering", "not": "slow"}},
        "items": items,
    }
    personas = [{"id": f"nurse-{i}", "group": "nurses", "text": persona_text(i)} for i in range(1, n_personas + 1)]
    llm = {
        "id": "loopback",
        "name": "hosted_vllm/loopback",
        "api_base": url,
        "decoding": {"temperature": 1.0, "max_tokens": 16},
        **llm_fields,
    }
    study = {
        "study": "loopback-study",
        "seed": 20261121,
        "questionnaires": ["./questionnaire.yaml"],
        "personas": ["./personas.yaml"],
        "runs": runs,
        "llms": [llm],
    }
    folder.mkdir(parents=True, exist_ok=True)
    # Every JSON text is YAML, and written much faster.
    for name, content in {"questionnaire": questionnaire, "personas": {"personas": personas}, "study": study}.items():
        (folder / f"{name}.yaml").write_text(json.dumps(content, indent=1), encoding="utf-8")
    return folder / "study.yaml"


class Running:
    """A command, started; its output goes to ``log``.

    Peak memory is the kernel's count for the process, which starts from that of the one that spawned it: measure from a
    small one.
    """

    def __init__(self, command: Sequence[str], log: Path, cwd: Path | None = None) -> None:
        self._log, self._start = log, time.monotonic()
        with log.open("wb") as output:
            self._process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, cwd=cwd)

    @property
    def is_going_on(self) -> bool:
        return os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None

    def kill(self) -> None:
        self._process.kill()

    def finish(self, limit: float = 600) -> Finished:
        """Wait for the end, or kill it after ``limit`` seconds."""
        killer = threading.Timer(limit, self.kill)
        killer.start()
        _, status, usage = os.wait4(self._process.pid, 0)
        killer.cancel()
        self._process.returncode = os.waitstatus_to_exitcode(status)
        return Finished(
            exit_code=self._process.returncode,
            seconds=time.monotonic() - self._start,
            user_seconds=usage.ru_utime,
            peak_mb=usage.ru_maxrss / 1024,
            output=self._log.read_text(encoding="utf-8", errors="replace"),
        )

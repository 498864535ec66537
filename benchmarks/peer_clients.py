"""The survey of the speed benchmark as others would ask it: raw aiohttp, plain litellm, inspect_ai.

    python -m benchmarks.peer_clients aiohttp|litellm|inspect_ai URL PERSONAS ITEMS RUNS CALLS_IN_FLIGHT FOLDER

Each is imported where it is used: inspect_ai lives in an environment without the others.
"""

from __future__ import annotations

import asyncio
import os
import sys
from itertools import product
from typing import TYPE_CHECKING

from benchmarks.loopback_study import item_text, persona_text

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

_QUESTION = """How well does this describe you?

{item}

1. Strongly disagree
2. Disagree
3. Neither
4. Agree
5. Strongly agree

Answer with the number only."""


def texts(n_personas: int, n_items: int) -> Iterator[tuple[str, str]]:
    """Yield system and user message of every cell, as the runner sends them."""
    for persona, item in product(range(1, n_personas + 1), range(1, n_items + 1)):
        yield persona_text(persona), _QUESTION.format(item=item_text(item))


def bodies(n_personas: int, n_items: int, runs: int) -> Iterator[dict[str, object]]:
    for run in range(runs):
        for system, user in texts(n_personas, n_items):
            messages = [{"role": "system", "content": system}, {"role": "user", "content": user}]
            yield {"messages": messages, "temperature": 1.0, "max_tokens": 16, "seed": run}


async def _ask_all(
    ask: Callable[[dict[str, object]], Awaitable[str]], every: Iterator[dict[str, object]], in_flight: int
) -> list[str]:
    answers: list[str] = []

    async def work() -> None:
        for body in every:
            answer = await ask(body)
            answers.append(answer)

    await asyncio.gather(*(work() for _ in range(in_flight)))
    return answers


async def with_aiohttp(url: str, every: Iterator[dict[str, object]], in_flight: int) -> int:
    import aiohttp

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def ask(body: dict[str, object]) -> str:
            async with session.post(f"{url}/chat/completions", json={"model": "loopback", **body}) as response:
                return str((await response.json())["choices"][0]["message"]["content"])

        return len(await _ask_all(ask, every, in_flight))


async def with_litellm(url: str, every: Iterator[dict[str, object]], in_flight: int) -> int:
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # else it fetches a price map from the network
    import litellm

    async def ask(body: dict[str, object]) -> str:
        response = await litellm.acompletion(model="hosted_vllm/loopback", api_base=url, api_key="none", **body)
        return str(response.choices[0].message.content)

    return len(await _ask_all(ask, every, in_flight))


def with_inspect_ai(url: str, n_personas: int, n_items: int, runs: int, in_flight: int, folder: str) -> int:
    """Ask with everything off that only slows it: scoring, logs while it runs, logs of requests."""
    os.environ.update(LOOP_BASE_URL=url, LOOP_API_KEY="none", INSPECT_LOG_LEVEL="warning")
    from inspect_ai import Task
    from inspect_ai import eval as evaluate
    from inspect_ai.dataset import MemoryDataset, Sample
    from inspect_ai.model import ChatMessageSystem, ChatMessageUser
    from inspect_ai.solver import generate

    samples = [
        Sample(id=place, input=[ChatMessageSystem(content=system), ChatMessageUser(content=user)])
        for place, (system, user) in enumerate(texts(n_personas, n_items), start=1)
    ]
    (log,) = evaluate(
        Task(dataset=MemoryDataset(samples), solver=generate()),
        model="openai-api/loop/loopback",
        epochs=runs,
        max_connections=in_flight,
        max_samples=2 * in_flight,
        log_dir=folder,
        log_realtime=False,
        log_model_api=False,
        score=False,
        display="none",
        temperature=1.0,
        max_tokens=16,
    )
    return len(log.samples or [])


def main() -> int:
    """Ask everything once; 1 if not all was answered."""
    client, url, *numbers, folder = sys.argv[1:]
    n_personas, n_items, runs, in_flight = map(int, numbers)
    if client == "inspect_ai":
        answered = with_inspect_ai(url, n_personas, n_items, runs, in_flight, folder)
    else:
        ask_all = {"aiohttp": with_aiohttp, "litellm": with_litellm}[client]
        answered = asyncio.run(ask_all(url, bodies(n_personas, n_items, runs), in_flight))
    return 0 if answered == n_personas * n_items * runs else 1


if __name__ == "__main__":
    sys.exit(main())

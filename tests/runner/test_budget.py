"""A hard limit: never passed, and used up as far as worst cases allow."""

from __future__ import annotations

import asyncio
import random

import pytest

from persona_big5.runner.budget import Budget


def test_what_does_not_fit_is_refused_at_once_when_nothing_is_in_flight():
    async def ask():
        budget = Budget(1.0, 0.95)
        return await budget.reserve(0.06), await budget.reserve(0.05)

    assert asyncio.run(ask()) == (False, True)


def test_what_fits_once_others_have_cost_less_than_their_worst_case_waits_for_them():
    async def ask():
        budget = Budget(1.0, 0.0)
        assert await budget.reserve(0.9)
        waiting = asyncio.create_task(budget.reserve(0.5))
        await asyncio.sleep(0)
        assert not waiting.done()
        budget.settle(0.9, 0.1)
        return await waiting

    assert asyncio.run(ask()) is True


def test_without_a_limit_everything_fits():
    assert asyncio.run(Budget(None, 1e9).reserve(1e9)) is True


@pytest.mark.parametrize("seed", range(5))
def test_it_is_never_passed_and_nearly_used_up(seed):
    random.seed(seed)
    spent = 0.0
    budget = Budget(10.0, 0.0)

    async def call():
        nonlocal spent
        while await budget.reserve(0.2):
            await asyncio.sleep(random.random() / 1000)
            cost = random.uniform(0.0, 0.2)
            spent += cost
            budget.settle(0.2, cost)

    async def many():
        await asyncio.gather(*(call() for _ in range(30)))

    asyncio.run(many())

    assert 9.8 < spent <= 10.0

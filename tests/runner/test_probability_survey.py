"""Surveys by probabilities against endpoints whose distributions are known: the truth, or bounds around it."""

from __future__ import annotations

import importlib.util
import json

import pytest
from runner_studies import N_ITEMS, loopback, make_study, one

from benchmarks.endpoint import Endpoint, answer_probabilities
from persona_big5.runner import run_study
from persona_big5.store import sql

ROWS = """
SELECT messages, score, score_low, score_high, sampling_variance_low, sampling_variance_high, option_mass, scored_from
FROM answer JOIN exchange USING (exchange)
"""
MODE = {"answer_mode": "probability", "option_order": ["forward", "reversed"]}
CELLS = 2 * 2 * N_ITEMS
ROUNDING = 1e-12


@pytest.fixture
def db(tmp_path):
    return tmp_path / "study.duckdb"


@pytest.fixture(scope="module")
def true_probabilities(shared):
    """Returns the load tool's own distribution over the digits 1 to 5 for a request."""
    pytest.importorskip("httptools")
    spec = importlib.util.spec_from_file_location("server", shared / "loadtool" / "server.py")
    server = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(server)
    return lambda body: server.answer_probs(server.request_key(body))


def _asked(db):
    columns, rows = sql(db, ROWS)
    for row in rows:
        answer = dict(zip(columns, row, strict=True))
        yield answer, {"model": "loop", "messages": json.loads(answer.pop("messages"))}


def _mean_and_variance(probabilities):
    mean = sum(p * value for value, p in enumerate(probabilities, start=1))
    return mean, sum(p * (value - mean) ** 2 for value, p in enumerate(probabilities, start=1))


def test_where_all_options_are_visible_the_expected_scores_are_the_true_ones(
    tmp_path, db, endpoint, true_probabilities
):
    run_study(make_study(tmp_path, [loopback(endpoint.url)], administration=MODE), db)
    found = list(_asked(db))

    assert len(found) == CELLS
    for answer, body in found:
        mean, variance = _mean_and_variance(true_probabilities(body))
        assert answer["scored_from"] == "log-probabilities"
        assert answer["score"] == answer["score_low"] == answer["score_high"] == pytest.approx(mean, abs=1e-6)
        assert answer["sampling_variance_low"] == answer["sampling_variance_high"] == pytest.approx(variance, abs=1e-6)
        assert answer["option_mass"] == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("visible", [2, 3])
def test_where_options_are_hidden_the_true_scores_lie_within_the_bounds(
    tmp_path, db, endpoint, true_probabilities, visible
):
    llm = loopback(endpoint.url, decoding={"temperature": 1.0, "max_tokens": 8, "top_logprobs": visible})
    run_study(make_study(tmp_path, [llm], administration=MODE), db)
    scored = [(answer, body) for answer, body in _asked(db) if answer["scored_from"] == "log-probabilities"]

    assert len(scored) > CELLS / 2
    for answer, body in scored:
        mean, variance = _mean_and_variance(true_probabilities(body))
        assert answer["score_low"] - ROUNDING <= mean <= answer["score_high"] + ROUNDING
        assert answer["sampling_variance_low"] - ROUNDING <= variance <= answer["sampling_variance_high"] + ROUNDING
    assert any(answer["score_low"] < answer["score_high"] for answer, _ in scored)


def test_equivalent_tokens_are_one_option(tmp_path, db):
    with Endpoint(spelled=True) as spelled:
        design = {"answer_mode": "probability"}  # the endpoint tells probabilities as the options are shown: forward
        run_study(make_study(tmp_path, [loopback(spelled.url)], administration=design), db)
    found = list(_asked(db))

    assert len(found) == CELLS / 2
    for answer, body in found:
        mean, _ = _mean_and_variance(answer_probabilities(body))
        assert answer["score"] == pytest.approx(mean, abs=1e-6)


def test_where_there_are_no_log_probabilities_the_reply_is_read_and_the_row_says_so(tmp_path, db):
    with Endpoint(latency_ms=1) as endpoint:
        llm = loopback(
            endpoint.url, decoding={"temperature": 1.0, "max_tokens": 8, "top_logprobs": 0, "logprobs": False}
        )
        run_study(make_study(tmp_path, [llm], administration=MODE), db)

    assert one(db, "SELECT count(*) FROM long WHERE scored_from = 'reply' AND answer_mode = 'probability'") == CELLS
    assert "log-probabilities" in one(db, "SELECT DISTINCT reason FROM long")

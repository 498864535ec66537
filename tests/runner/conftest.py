"""A loopback endpoint that misbehaves on request."""

from __future__ import annotations

import importlib.util

import pytest


@pytest.fixture(scope="session")
def endpoint_factory(shared):
    """Starts loopback endpoints; keyword arguments are their latency and faults."""
    pytest.importorskip("httptools")
    spec = importlib.util.spec_from_file_location("harness", shared / "loadtool" / "harness.py")
    harness = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(harness)
    return harness.Server


@pytest.fixture(scope="session")
def _shared_endpoint(endpoint_factory):
    with endpoint_factory() as server:
        yield server
        server.p.stdout.close()


@pytest.fixture
def endpoint(_shared_endpoint):
    """A well-behaved endpoint whose settings a test may change."""
    faults = dict.fromkeys(("p429", "p500", "p_malformed", "p_hang", "p_drop", "p_empty", "p_refusal", "p400"), 0)
    _shared_endpoint.config(**faults, latency_ms=5, retry_after=0)
    _shared_endpoint.reset()
    return _shared_endpoint

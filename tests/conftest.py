"""Fixtures shared by all tests."""

from __future__ import annotations

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder with reference numbers and real answers that lives beside the checkout.

    Tests that need it skip without it.
    """
    if not (SHARED / "reference").is_dir():
        pytest.skip("needs the folder `shared` beside the checkout")
    return SHARED

"""Commands for asking and keeping: run, status, sql, import, export, rescore."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import typer


def register(app: typer.Typer) -> None:
    """Add the commands of this module to the program."""

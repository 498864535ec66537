"""The repository's own texts, as the tests of the documentation read them."""

from __future__ import annotations

import re
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


def read(name: str) -> str:
    return (REPOSITORY / name).read_text(encoding="utf-8")


def fenced(name: str, language: str) -> list[str]:
    """Return the contents of a file's fenced blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", read(name), re.MULTILINE | re.DOTALL)


def shell_lines(name: str) -> list[str]:
    """Return the shell commands of a file, without their comments."""
    lines = "".join(fenced(name, "bash")).splitlines()
    return [line.partition("  #")[0].strip() for line in lines if line]

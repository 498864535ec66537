"""The README's tree of the house: every file with a caption, and nothing that is not there."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from own_texts import REPOSITORY, fenced

SHOWN_WHOLE = ("persona_big5", "questionnaires", "benchmarks")
SHOWN_AS_FOLDER = {"tests/", "docs/", "results/"}


def shown() -> list[tuple[str, str]]:
    """Return (path, caption) of every line of the tree; a folder's path ends in a slash."""
    tree = next(block for block in fenced("README.md", "text") if block.startswith("persona_big5/"))
    folders: list[str] = []
    entries = []
    for line in tree.splitlines():
        indent, name, caption = re.fullmatch(r"((?:  )*)(\S+) {2,}(\S.*)", line).groups()
        del folders[len(indent) // 2 :]
        entries.append(("".join(folders) + name, caption))
        if name.endswith("/"):
            folders.append(name)
    return entries


def present(folder: str) -> set[str]:
    """Return a folder's files and folders as the tree shows them: an ``__init__.py`` by its folder's line."""
    files = [path for path in (REPOSITORY / folder).rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    folders = {f"{path.parent.relative_to(REPOSITORY).as_posix()}/" for path in files}
    return folders | {path.relative_to(REPOSITORY).as_posix() for path in files if path.name != "__init__.py"}


@pytest.mark.parametrize("folder", SHOWN_WHOLE)
def test_every_file_is_in_the_tree_and_nothing_else(folder: str) -> None:
    assert {path for path, _ in shown() if path.startswith(f"{folder}/")} == present(folder)


def test_the_rest_of_the_tree_exists() -> None:
    rest = {path for path, _ in shown() if not path.startswith(tuple(f"{folder}/" for folder in SHOWN_WHOLE))}
    assert rest >= SHOWN_AS_FOLDER
    assert [path for path in rest if not (REPOSITORY / path).exists()] == []


def test_nothing_is_shown_twice_and_no_two_captions_are_the_same() -> None:
    for column in zip(*shown(), strict=True):
        assert [text for text, count in Counter(column).items() if count > 1] == []


def test_a_folder_with_python_files_is_a_package() -> None:
    for path, _ in shown():
        if path.startswith("persona_big5/") and path.endswith("/"):
            assert (REPOSITORY / path / "__init__.py").is_file(), path

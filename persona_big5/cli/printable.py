"""Text of others made safe for a terminal."""

from __future__ import annotations


def printable(text: str) -> str:
    """Return text without the characters by which a reply could drive the terminal."""
    return "".join(character if character.isprintable() or character in "\n\t" else "\ufffd" for character in text)

"""Names of a source turned into ids."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_LONGEST = 60


def name_of(path: Path) -> str:
    """Return a file's name without its endings: ``mpi_120`` for ``mpi_120.csv.gz``."""
    return path.with_name(path.name.removesuffix(".gz")).stem


def slug(name: str, fallback: str) -> str:
    """Return a name in lower-case letters, digits and hyphens; ``fallback`` where nothing of it is left.

    Examples
    --------
    >>> slug("Attachment-related Anxiety", "scale")
    'attachment-related-anxiety'
    """
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain)[:_LONGEST].strip("-") or fallback

"""Names of a source turned into ids."""

from __future__ import annotations

import re
import unicodedata

_LONGEST = 60


def slug(name: str, fallback: str) -> str:
    """Return a name in lower-case letters, digits, dots and hyphens; ``fallback`` where nothing of it is left.

    Examples
    --------
    >>> slug("Attachment-related Anxiety", "scale")
    'attachment-related-anxiety'
    """
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9.]+", "-", plain)[:_LONGEST].strip("-.") or fallback

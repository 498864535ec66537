"""A finding, or the reason why it cannot be had."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from persona_big5.analysis.document import Missing
from persona_big5.errors import DataError, NotEstimableError

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
T = TypeVar("T")


def or_missing(compute: Callable[P, T], *args: P.args, **given: P.kwargs) -> T | Missing:
    """Call ``compute``; what the data do not give becomes `Missing`, with the reason in the error's words."""
    try:
        return compute(*args, **given)
    except (NotEstimableError, DataError) as error:
        return Missing(str(error))


def defined_or(value: float, reason: str) -> float | Missing:
    """Give a number, or `Missing` where it is not finite."""
    return float(value) if math.isfinite(value) else Missing(reason)

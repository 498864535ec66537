"""Covariance of items in many parts of the respondents at once, from sums by cell and never from the rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from persona_big5.errors import DataError
from persona_big5.variance.groups import summing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from persona_big5.variance.groups import FloatArray, GroupSums

PartLevel = Literal["means", "respondent"]


def covariance_of_parts(
    cells: GroupSums, respondent_columns: Sequence[str], parts: NDArray[np.bool_], level: PartLevel
) -> FloatArray:
    """Covariance of respondents' means, or of respondents without run noise, in each of many parts.

    Parameters
    ----------
    cells
        Cross sums by cell, shape ``(items, items)`` (see ``cross_sums``).
    respondent_columns
        Columns whose combinations are the respondents.
    parts
        Which respondents belong to each part, shape (n_parts, n_respondents), in the order of
        ``cells.by(respondent_columns)``.
    level
        ``means`` (as ``means_covariance``) or ``respondent`` (as ``respondent_covariance``).

    Returns
    -------
    Shape (n_parts, items, items). Each pair of items uses the rows where both are there. NaN where a part cannot give
    the pair: fewer than two respondents, or for ``respondent`` no cell asked twice.

    Raises
    ------
    DataError
        For another level.

    Notes
    -----
    Sums of the respondents that always go together are added up once, so that hundreds of halves are one product of
    matrices. Equals the functions for one part to 1e-10 (tests/variance).
    """
    if level not in get_args(PartLevel):
        raise DataError(f"covariance of parts is had at levels {', '.join(get_args(PartLevel))}, not {level!r}")
    _, together = np.unique(parts, axis=1, return_inverse=True)
    first = np.unique(together, return_index=True)[1]
    members = parts[:, first].astype(float)
    respondents = cells.by(respondent_columns)
    add = summing(together.ravel(), len(first))

    def total(of_respondents: FloatArray) -> FloatArray:
        return np.asarray(np.tensordot(members, add(of_respondents), axes=1))

    if level == "means":
        left, right = _divide(respondents.left, respondents.n), _divide(respondents.right, respondents.n)
        n = total((respondents.n > 0).astype(float))
        cross = total(left * right) - _divide(total(left) * total(right), n)
        return _divide(cross, n - 1, undefined=np.nan)
    of_respondents = cells.grouping.coarser(respondent_columns)[2]
    within = total(of_respondents(cells.products - _divide(cells.left * cells.right, cells.n)))
    n = total(respondents.n)
    within_df = n - total(of_respondents((cells.n > 0).astype(float)))
    correction = _divide(total(respondents.left) * total(respondents.right), n)
    between = total(_divide(respondents.left * respondents.right, respondents.n)) - correction
    between_df = total((respondents.n > 0).astype(float)) - 1
    n0 = _divide(n - _divide(total(respondents.n**2), n), between_df)
    difference = _divide(between, between_df, undefined=np.nan) - _divide(within, within_df, undefined=np.nan)
    return _divide(difference, n0, undefined=np.nan)


def _divide(numerator: FloatArray, denominator: FloatArray, undefined: float = 0.0) -> FloatArray:
    """Divide where there is anything to divide by, ``undefined`` elsewhere."""
    numerator, denominator = np.broadcast_arrays(numerator, denominator)
    out = np.full(numerator.shape, undefined)
    return np.asarray(np.divide(numerator, denominator, out=out, where=denominator > 1e-9))

"""The checks every method makes of the scores or the correlation matrix it is given."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from persona_big5.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


def checked_correlation(R: NDArray[np.float64], items: Sequence[str] | None = None) -> NDArray[np.float64]:
    """Return `R` as a float array if it is a correlation matrix: square, symmetric, finite, ones on the diagonal.

    Raises
    ------
    DataError
        Naming what is wrong and, for undefined entries, the items (their positions, counted from 1, where `items` is
        not given).
    """
    R = np.asarray(R, dtype=np.float64)
    if R.ndim != 2 or R.shape[0] != R.shape[1]:
        raise DataError(f"a correlation matrix is square; this has shape {R.shape}")
    if items is not None and len(items) != len(R):
        raise DataError(f"{len(items)} item names for a correlation matrix of {len(R)} items; give one name per row")
    finite = np.isfinite(R)
    undefined = np.flatnonzero(~np.diag(finite))
    if not len(undefined):
        undefined = np.flatnonzero(~finite.all(axis=1))
    if len(undefined):
        names = items if items is not None else [str(i + 1) for i in range(len(R))]
        listed = ", ".join(names[i] for i in undefined[:10])
        raise DataError(
            f"correlations are undefined for {len(undefined)} of {len(R)} items ({listed}): "
            "drop items that are constant or never answered together with the others"
        )
    if not np.allclose(R, R.T, rtol=0, atol=1e-8):
        raise DataError(
            f"a correlation matrix is symmetric; this differs from its transpose by up to {np.abs(R - R.T).max():.2g}"
        )
    if not np.allclose(np.diag(R), 1.0, rtol=0, atol=1e-8):
        i = int(np.abs(np.diag(R) - 1).argmax())
        raise DataError(
            f"a correlation matrix has ones on its diagonal; entry {i + 1} is {R[i, i]:.6g}; use correlation_of() first"
        )
    return R


def checked_scores(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return `scores` as a float array if it is a table of respondents x items, none infinite, else raise DataError."""
    scores = np.asarray(scores, dtype=np.float64)
    if scores.ndim != 2:
        raise DataError(f"scores have {scores.ndim} dimension(s), shape {scores.shape}; give respondents x items")
    if len(infinite := np.flatnonzero(np.isinf(scores).any(axis=0))):
        listed = ", ".join(str(item + 1) for item in infinite[:10])
        raise DataError(f"infinite values in columns {listed} (counted from 1); mark missing answers as NaN")
    return scores

"""What a confirmatory model says the items' covariance is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from persona_big5.factors.confirmatory.solution import Estimates


def implied_covariance(estimates: Estimates) -> np.ndarray:
    """Covariance of the items if the model were true (p, p)."""
    common = estimates.loadings @ estimates.factor_correlations @ estimates.loadings.T
    return common + np.diag(estimates.residual_variances)

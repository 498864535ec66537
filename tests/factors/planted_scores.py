"""Scores with a known number of factors."""

from __future__ import annotations

import numpy as np


def planted_scores(seed: int, *, n: int = 200, n_factors: int = 3, items_each: int = 7, loading: float = 0.6):
    """Normal scores (n, n_factors * items_each) of uncorrelated factors, each item loading on one."""
    rng = np.random.default_rng([seed, n_factors])
    pattern = np.kron(np.eye(n_factors), np.full((items_each, 1), loading))
    unique = rng.standard_normal((n, len(pattern))) * np.sqrt(1 - loading**2)
    return rng.standard_normal((n, n_factors)) @ pattern.T + unique


def independent_scores(seed: int, *, n: int = 200, p: int = 20):
    """Normal scores (n, p) without any factor."""
    return np.random.default_rng([seed, 0]).standard_normal((n, p))

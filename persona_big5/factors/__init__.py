"""Structure of a correlation matrix: how many factors there are, which ones, and whether they are found elsewhere."""

from persona_big5.factors.extraction import FactorSolution, fit_factors

__all__ = ["FactorSolution", "fit_factors"]

"""How much is what: components of crossed and nested designs, their intervals, and decision studies."""

from persona_big5.variance.design import Facet, parse_facets
from persona_big5.variance.gstudy import DecisionStudy, GCoefficients, GStudy, decision_study, variance_components
from persona_big5.variance.levels import LevelComponents, level_components
from persona_big5.variance.tables import group_sums

__all__ = [
    "DecisionStudy",
    "Facet",
    "GCoefficients",
    "GStudy",
    "LevelComponents",
    "decision_study",
    "group_sums",
    "level_components",
    "parse_facets",
    "variance_components",
]

"""Stated loadings put to the test by maximum likelihood: one level, two levels, several groups."""

from persona_big5.factors.confirmatory.invariance import measurement_invariance
from persona_big5.factors.confirmatory.measurement import Measurement
from persona_big5.factors.confirmatory.one_level import confirm, confirm_covariance
from persona_big5.factors.confirmatory.two_level import confirm_two_level

__all__ = ["Measurement", "confirm", "confirm_covariance", "confirm_two_level", "measurement_invariance"]

"""Asking: a study's open sessions sent out, with every reply kept before the next call is made."""

from persona_big5.runner.endpoints import table_prices
from persona_big5.runner.summary import Progress, RunSummary
from persona_big5.runner.survey import run_study

__all__ = ["Progress", "RunSummary", "run_study", "table_prices"]

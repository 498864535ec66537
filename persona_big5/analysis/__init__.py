"""Where the two towers meet: from the long table of answers to an analysis that can be defended."""

from persona_big5.analysis.analyze import Analysis, analyze_table

__all__ = ["Analysis", "analyze_table"]

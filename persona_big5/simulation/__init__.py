"""Respondents with planted traits, run moods and response style: plain functions that know nothing of transport."""

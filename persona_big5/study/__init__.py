"""Who is asked what, how often, in which situations: studies, their plans and the messages that are sent."""

from __future__ import annotations

from persona_big5.study.load import load_study
from persona_big5.study.messages import block_label, session_messages, shown_options
from persona_big5.study.model import Study
from persona_big5.study.plan import Administration, Session, plan

__all__ = [
    "Administration",
    "Session",
    "Study",
    "block_label",
    "load_study",
    "plan",
    "session_messages",
    "shown_options",
]

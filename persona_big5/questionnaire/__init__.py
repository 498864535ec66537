"""What is asked: items, scales and questionnaires; loading and checking them, and the shipped library."""

from __future__ import annotations

from persona_big5.questionnaire.library import Kind, library_folder, locate, shipped
from persona_big5.questionnaire.load import load_questionnaire, read_questionnaire
from persona_big5.questionnaire.model import Identifier, Item, Norm, Option, Questionnaire, ResponseScale, Scale

__all__ = [
    "Identifier",
    "Item",
    "Kind",
    "Norm",
    "Option",
    "Questionnaire",
    "ResponseScale",
    "Scale",
    "library_folder",
    "load_questionnaire",
    "locate",
    "read_questionnaire",
    "shipped",
]

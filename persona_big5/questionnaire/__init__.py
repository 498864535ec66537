"""What is asked: items, scales and questionnaires; loading and checking them, and the shipped library.

Names are loaded when first used: listing what is shipped must not pay for pydantic.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from persona_big5.questionnaire.library import Kind, library_folder, locate, shipped
    from persona_big5.questionnaire.load import load_questionnaire, read_questionnaire
    from persona_big5.questionnaire.model import Identifier, Item, Questionnaire, ResponseScale, Scale

_HOME = {
    "Identifier": "model",
    "Item": "model",
    "Kind": "library",
    "Questionnaire": "model",
    "ResponseScale": "model",
    "Scale": "model",
    "library_folder": "library",
    "load_questionnaire": "load",
    "locate": "library",
    "read_questionnaire": "load",
    "shipped": "library",
}

__all__ = [
    "Identifier",
    "Item",
    "Kind",
    "Questionnaire",
    "ResponseScale",
    "Scale",
    "library_folder",
    "load_questionnaire",
    "locate",
    "read_questionnaire",
    "shipped",
]


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)

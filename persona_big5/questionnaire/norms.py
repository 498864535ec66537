"""A file of norms that a user gives beside a questionnaire."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from persona_big5.questionnaire.model import Norm, Spec
from persona_big5.specfile import read_spec

if TYPE_CHECKING:
    from pathlib import Path


class NormFile(Spec):
    """A list of norms under ``norms:``, each as a questionnaire's own."""

    norms: tuple[Norm, ...] = Field(min_length=1, strict=False)


def read_norms(path: Path) -> tuple[Norm, ...]:
    """Read norms from a YAML or JSON file; raises SpecError with every problem."""
    return read_spec(path, NormFile).norms

"""The page: what the notebook's cells show, set for reading, in one file that needs nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from persona_big5.report.sections import Section


def render_page(title: str, sections: Sequence[Section], shown: Mapping[str, str], *, simulated: bool) -> str:
    """Return the page as HTML.

    Parameters
    ----------
    title
        Name of the study; escaped.
    sections
        In order of reading.
    shown
        {id of the section: HTML of what its function shows}, already escaped (see ``fragments``).
    simulated
        Whether the title says so.
    """
    environment = Environment(
        loader=PackageLoader("persona_big5.report", "."), autoescape=True, undefined=StrictUndefined
    )
    pieces = [(section, Markup(shown[section.id])) for section in sections]  # noqa: S704  (escaped piece by piece)
    return environment.get_template("page.html.j2").render(title=title, pieces=pieces, simulated=simulated)

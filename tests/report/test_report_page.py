"""The page and the notebook as files: complete, self-contained, safe, made by the library alone."""

from __future__ import annotations

import ast
import json
import os
import re
import sys
from html.parser import HTMLParser

import nbformat
import pytest

from persona_big5.report import load_findings, make_report
from persona_big5.report.sections import sections_of
from persona_big5.report.sections.verdict import NOT_PREDICTED

IMAGE = re.compile(r"base64,[A-Za-z0-9+/=]+")  # may hold any letters, and loads nothing
OUTSIDE = re.compile(r"https?://|//cdn|<script|@import|<link\b|<iframe|url\(", re.IGNORECASE)


@pytest.fixture(scope="module")
def made(analysed, tmp_path_factory):
    """A report written while the machine knows only a broken kernel of the usual name."""
    kernels = tmp_path_factory.mktemp("jupyter") / "kernels" / "python3"
    kernels.mkdir(parents=True)
    spec = {"argv": ["/nowhere/python", "-f", "{connection_file}"], "display_name": "broken", "language": "python"}
    (kernels / "kernel.json").write_text(json.dumps(spec))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUPYTER_PATH", str(kernels.parent.parent))
        page = make_report(analysed)
    return page.read_text(encoding="utf-8"), (analysed / "report.ipynb").read_text(encoding="utf-8"), page


class _Page(HTMLParser):
    """Collects start tags with their attributes, and the text of the main part."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.text = [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        if any(tag == "main" for tag, _ in self.tags):
            self.text.append(data)


def test_the_page_leads_with_the_verdict_and_what_it_does_not_say(made, analysed):
    text = "".join(_Page(made[0]).text)
    verdict = load_findings(analysed).document["verdict"]
    assert text.index(verdict["text"]) < text.index(NOT_PREDICTED) < text.index("How much is what")
    assert all(reason in text for reason in verdict["reasons"])


def test_the_page_has_every_section_and_every_figure_with_words_for_it(made, analysed):
    tags = _Page(made[0]).tags
    ids = [attributes["id"] for tag, attributes in tags if tag == "section"]
    assert ids == [section.id for section in sections_of(load_findings(analysed))]
    assert {"verdict", "variance", "factors", "loadings", "style", "replication", "scales", "missing"} < set(ids)
    assert not {"planted", "probability", "drift", "semantic", "place"} & set(ids)
    assert [attributes["href"][1:] for tag, attributes in tags if tag == "a"] == ids
    images = [attributes for tag, attributes in tags if tag == "img"]
    # variance, scree, halves, loadings, their intervals, loadings without agreement, congruences, correlations
    assert len(images) == 8
    assert all(image["src"].startswith("data:image/png;base64,") and len(image["alt"]) > 40 for image in images)
    assert "Not estimable:" not in made[0]


def test_the_page_loads_nothing_from_anywhere(made):
    assert OUTSIDE.findall(IMAGE.sub("", made[0])) == []
    allowed = next(a["content"] for tag, a in _Page(made[0]).tags if tag == "meta" and a.get("http-equiv"))
    assert allowed == "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def test_hostile_names_are_text_in_page_and_notebook(made):
    page, notebook, _ = made
    parsed = _Page(page)
    assert not {tag for tag, _ in parsed.tags} & {"script", "iframe", "object", "link"}
    assert not any(name.startswith("on") for _, attributes in parsed.tags for name in attributes)
    text = "".join(parsed.text)
    for shown in (
        "<script>alert(1)</script>",
        "[x](javascript:1) $\\frac",
        'calm"><img src=x',
        "http://evil.example/?a=1&b=2",
    ):
        assert shown in text
    cells = nbformat.reads(notebook, as_version=4).cells
    assert not any("javascript" in cell.source or "evil" in cell.source for cell in cells)
    outputs = "".join(o["data"]["text/html"] for cell in cells for o in cell.get("outputs", []))
    assert OUTSIDE.findall(IMAGE.sub("", outputs)) == []


def test_cells_of_the_notebook_only_call_the_library_and_ran(made):
    notebook = nbformat.reads(made[1], as_version=4)
    nbformat.validate(notebook)
    load, *shown = [cell for cell in notebook.cells if cell.cell_type == "code"]
    imported, assigned = ast.parse(load.source).body
    assert isinstance(imported, ast.ImportFrom)
    assert imported.module == "persona_big5.report"
    assert ast.unparse(assigned) == "findings = load_findings('.')"
    names = {alias.name for alias in imported.names}
    for cell in shown:
        (call,) = ast.parse(cell.source).body
        assert re.fullmatch(r"show_\w+\(findings\)", ast.unparse(call))
        assert ast.unparse(call).partition("(")[0] in names
        (output,) = cell.outputs
        assert output.output_type == "execute_result"
        assert cell.execution_count > 1


def test_no_path_of_the_machine_is_in_the_files(made):
    page, notebook, path = made
    for place in (str(path.parent), sys.prefix, os.path.expanduser("~") + "/"):  # noqa: PTH111
        assert place not in notebook
        assert place not in page


def test_nothing_says_simulated_where_it_is_not(made):
    assert "simulated" not in "".join(_Page(made[0]).text)
    assert "on a simulated population" not in made[0]

"""An analysed folder in, ``report.ipynb`` and ``report.html`` out."""

from __future__ import annotations

from pathlib import Path

from persona_big5.report.findings import load_findings
from persona_big5.report.notebook import execute, html_outputs, write_notebook
from persona_big5.report.page import render_page
from persona_big5.report.sections import sections_of


def make_report(folder: str | Path) -> Path:
    """Write the report of an analysed folder into it.

    Parameters
    ----------
    folder
        Holds ``analysis.json`` and its Parquet tables (``analyze_table(…).write(folder)``) and, for simulated llms,
        ``truth.json``.

    Returns
    -------
    pathlib.Path
        ``report.html``, one page that loads nothing from anywhere. Beside it lies ``report.ipynb``, the executed
        notebook it was made from.

    Raises
    ------
    DataError
        What is needed is missing in ``folder`` or cannot be read.
    """
    import nbformat

    folder = Path(folder)
    findings = load_findings(folder)
    sections = sections_of(findings)
    notebook = write_notebook(sections)
    execute(notebook, folder)
    page = render_page(folder.resolve().name, sections, html_outputs(notebook), simulated=findings.is_simulated)
    _replace(folder / "report.ipynb", nbformat.writes(notebook) + "\n")
    return _replace(folder / "report.html", page)


def _replace(path: Path, content: str) -> Path:
    """Write a file whole: who reads it meanwhile sees the old one or the new one."""
    written = path.with_name(path.name + ".part")
    written.write_text(content, encoding="utf-8")
    return written.replace(path)

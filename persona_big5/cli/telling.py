"""Commands for telling: report, demo."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

_INTERRUPTED = 130


def register(app: typer.Typer) -> None:
    """Add the commands of this module to the program."""
    app.command()(report)
    app.command()(demo)


def report(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder with analysis.json, as analyze wrote it.")],
    show: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,  # noqa: FBT002
) -> None:
    """Write report.ipynb, executed, and report.html, one page that needs nothing else.

    Example: persona-big5 report results/demo --open
    """
    from persona_big5.report import make_report

    page = make_report(folder)
    typer.echo(f"{page}")
    if show:
        import webbrowser

        webbrowser.open(page.resolve().as_uri())


def demo(
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for everything that is made.")] = Path(
        "results/demo"
    ),
) -> None:
    """Run the main job on a simulated population: plan, run, analyze, report. No key, no network.

    Example: persona-big5 demo --out /tmp/demo
    """
    from persona_big5.questionnaire import locate
    from persona_big5.runner import run_study
    from persona_big5.store import long_table
    from persona_big5.study import load_study, summarise

    study = load_study(locate("studies", "demo", Path()))
    database = out / "study.duckdb"
    planned = summarise(study)
    _tell(
        f"1/4 plan: {planned.respondents} respondents, {planned.sessions:,} calls, {planned.administrations:,} answers"
    )
    _tell("2/4 run: asking the simulated llms what is not stored yet")
    summary = run_study(study, database)
    _tell(str(summary))
    if summary.stopped == "interrupted":
        _tell("interrupted; the same command goes on from here")
        raise typer.Exit(_INTERRUPTED)

    from persona_big5.analysis import analyze_table
    from persona_big5.report import make_report

    _tell("3/4 analyze: variance, correlations, factors")
    analysis = analyze_table(long_table(database))
    analysis.write(out)
    _tell("4/4 report: notebook and page")
    page = make_report(out)
    typer.echo(f"Verdict (of a simulated population): {analysis.document['verdict']['text']}")
    typer.echo(f"Report: {page}")


def _tell(line: str) -> None:
    """Say how far the demo is, where it does not mix with results."""
    typer.echo(line, err=True)

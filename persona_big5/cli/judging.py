"""The command for judging free replies: judge."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003  (Typer reads annotations when the program starts)
from typing import Annotated

import typer

from persona_big5.cli.asking import Database, show_progress
from persona_big5.cli.printable import printable

_DONE_IN_PART = 3
_INTERRUPTED = 130


def register(app: typer.Typer) -> None:
    """Add the command of this module to the program."""
    app.command()(judge)


def judge(
    db: Database,
    rubric: Annotated[Path, typer.Option(metavar="R.yaml", help="Criteria, and the llms that judge.")],
    max_cost: Annotated[
        float | None, typer.Option(min=0, help="USD that judging may cost; default: the rubric's own.")
    ] = None,
) -> None:
    """Ask judges about the free replies of a database; a judge never sees replies of its own family.

    Example: persona-big5 judge results/my-survey/study.duckdb --rubric my-rubric.yaml --max-cost 5
    """
    from persona_big5.runner.judging import judge as ask_judges
    from persona_big5.scoring.rubric import load_rubric

    try:
        with show_progress() as progress:
            judging = ask_judges(db, load_rubric(rubric), max_cost=max_cost, progress=progress)
    except KeyboardInterrupt:
        typer.echo("interrupted; every judgement so far is kept, and the same command goes on", err=True)
        raise typer.Exit(_INTERRUPTED) from None
    typer.echo(printable(str(judging)))
    if judging.was_interrupted:
        typer.echo("interrupted; the same command goes on from here", err=True)
        raise typer.Exit(_INTERRUPTED)
    if not judging.is_complete:
        raise typer.Exit(_DONE_IN_PART)

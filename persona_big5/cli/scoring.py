"""The command for items of other kinds than shared options: score."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003  (Typer reads annotations when the program starts)
from typing import Annotated

import typer

from persona_big5.cli.printable import printable
from persona_big5.errors import DataError, PersonaBig5Error


def register(app: typer.Typer) -> None:
    """Add the command of this module to the program."""
    app.command()(score)


def score(
    db: Annotated[Path, typer.Argument(metavar="DB", help="Database of a study.")],
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where to write; default: beside the database.")
    ] = None,
) -> None:
    """Score chances, divided points, situations, pairs and free replies of every respondent: a table for each.

    Example: persona-big5 score results/my-survey/study.duckdb
    """
    from persona_big5.scoring.battery import battery_tables
    from persona_big5.store import long_table, studies

    questionnaires = [questionnaire for study in studies(db) for questionnaire in study.questionnaires]
    tables = battery_tables(long_table(db), questionnaires)
    if not tables:
        raise DataError(
            f"{db} has no answers to chances, divided points, situations, pairs or open items; "
            "`analyze` has what statements with shared options tell"
        )
    folder = out or db.parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, table in tables.items():
            table.to_csv(folder / f"{name}.csv", index=False)
            typer.echo(printable(f"{folder / name}.csv: {len(table):,} rows"))
    except OSError as error:
        raise PersonaBig5Error(f"{folder} cannot be written to ({error.strerror})") from error

"""Commands, options and make targets as the README tells them, against those that exist."""

from __future__ import annotations

import re
import shlex
import subprocess

import pytest
import typer
from own_texts import REPOSITORY, read, shell_lines
from typer.testing import CliRunner

from persona_big5.cli.main import app
from persona_big5.study import load_study, summarise

PROGRAM = typer.main.get_command(app)
COMMANDS = sorted(PROGRAM.commands)


def options(name: str) -> set[str]:
    return {opt for one in PROGRAM.commands[name].params for opt in one.opts if opt.startswith("--")} - {"--help"}


def rows() -> dict[str, str]:
    """Return the usage of every command in the README's table, by the command's name."""
    usages = re.findall(r"^\| `((?:\\\||[^`|])+)` \| .+ \|$", read("README.md"), re.MULTILINE)
    return {usage.split()[0]: usage for usage in usages if usage.split()[0] in COMMANDS}


def parse(line: str) -> None:
    """Parse a command line as the program would, without running it; raises its usage error."""
    program, name, *arguments = shlex.split(line)
    assert program in {"persona-big5", "pb5"}
    PROGRAM.commands[name].make_context(name, arguments)


def example(name: str) -> str:
    command = PROGRAM.commands[name]
    found = re.search(r"Example: (.+?)(?:\n\n|\Z)", f"{command.help}\n\n{command.epilog or ''}", re.DOTALL)
    assert found, f"{name} --help has no example"
    return " ".join(found[1].split())


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_stands_in_the_table_with_all_its_options(name: str) -> None:
    assert set(re.findall(r"--[a-z-]+", rows()[name])) == options(name)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_an_example_that_parses(name: str, monkeypatch, tmp_path) -> None:
    result = CliRunner().invoke(app, [name, "--help"])
    assert result.exit_code == 0
    assert f"Example: persona-big5 {name} ".rstrip() in result.output
    monkeypatch.chdir(tmp_path)
    (tmp_path / "keys.json").touch()
    parse(example(name))


@pytest.mark.parametrize("document", ["README.md", "results/README.md"])
def test_no_other_command_is_named(document: str) -> None:
    assert set(re.findall(r"`(?:persona-big5|pb5) ([a-z-]+)", read(document))) <= {*COMMANDS, "--help"}


@pytest.mark.parametrize("line", [line for line in shell_lines("README.md") if line.startswith("persona-big5")])
def test_the_command_lines_of_the_readme_parse(line: str) -> None:
    parse(line)


def test_the_command_lines_of_the_readme_are_found() -> None:
    lines = shell_lines("README.md")
    assert lines[:3] == ["git clone <this repository> persona-big5 && cd persona-big5", "make demo", "make test"]
    named = {line.split()[1] for line in lines if line.startswith("persona-big5")}
    assert named >= {"new", "check", "run", "status", "analyze", "report", "import"}


def test_a_misspelt_option_does_not_parse() -> None:
    with pytest.raises(Exception, match="No such option"):
        parse("persona-big5 run study.yaml --maxcost 5")


def test_make_help_lists_the_targets_and_the_documents_name_no_others() -> None:
    shown = subprocess.run(["make", "help"], cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
    listed = set(re.findall(r"^  make (\S+) +\S", shown, re.MULTILINE))
    targets = set(re.findall(r"^([a-z-]+):", read("Makefile"), re.MULTILINE))
    assert listed == targets
    texts = "\n".join(read(name) for name in ("README.md", "CONTRIBUTING.md", ".ci/run"))
    named = set(re.findall(r"(?:^|`)make ([a-z-]+)", texts, re.MULTILINE))
    assert named >= {"demo", "test", "check", "help", "setup", "simulate"}
    assert named <= targets


def test_the_demo_is_as_large_as_the_readme_says() -> None:
    summary = str(summarise(load_study(REPOSITORY / "questionnaires" / "studies" / "demo.yaml")))
    calls, answers = re.search(r"([\d,]+) calls, ([\d,]+) answers", summary).groups()
    assert f"= {calls} calls, {answers} answers" in " ".join(read("README.md").split())

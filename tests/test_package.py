"""The package as it is imported: public names, and nothing heavy before it is needed."""

from __future__ import annotations

import subprocess
import sys

import pytest

import persona_big5

PUBLIC = {
    "analyze_table",
    "fit_factors",
    "load_study",
    "long_table",
    "make_report",
    "open_store",
    "plan",
    "run_study",
    "variance_components",
}
HEAVY = {"litellm", "pandas", "statsmodels", "seaborn", "scipy", "duckdb"}


def test_public_names_are_these_and_load():
    assert set(persona_big5.__all__) == PUBLIC
    assert set(dir(persona_big5)) == PUBLIC
    for name in PUBLIC:
        found = getattr(persona_big5, name)
        assert callable(found)
        assert found.__doc__


@pytest.mark.parametrize("name", ["fit_models", "pandas"])
def test_other_names_are_not_there(name):
    with pytest.raises(AttributeError, match=f"module 'persona_big5' has no attribute '{name}'"):
        getattr(persona_big5, name)


def imported(code: str) -> set[str]:
    """The modules that a fresh interpreter has loaded after running code, by their first name."""
    script = f"import sys\n{code}\nprint(*sorted({{name.split('.')[0] for name in sys.modules}}), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stderr.split())


def test_importing_the_package_loads_nothing_heavy():
    loaded = imported("import persona_big5")
    assert "persona_big5" in loaded
    assert not loaded & (HEAVY | {"numpy", "pydantic", "typer"})


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["--version"], ["analyze", "--help"], ["variance", "--help"], ["factors", "--no-such-option"]],
)
def test_help_and_usage_errors_load_nothing_heavy(arguments):
    loaded = imported(
        f"sys.argv = ['persona-big5', *{arguments!r}]\n"
        "from persona_big5.cli.main import main\n"
        "sys.stderr, kept = open('/dev/null', 'w'), sys.stderr\n"
        "try:\n    main()\nexcept SystemExit:\n    sys.stderr = kept"
    )
    assert "typer" in loaded
    assert not loaded & HEAVY

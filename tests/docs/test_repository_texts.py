"""What must hold for every text of the repository, and for the versions it names."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from own_texts import REPOSITORY, read
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

DOCUMENTS = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "results/README.md")
# Written in pieces: this file is one of those that are searched.
REGISTRIES = [
    ".".join(parts)
    for parts in (
        ("pypi", "org"), ("pythonhosted", "org"), ("anaconda", "org"), ("anaconda", "com"), ("r-project", "org"),
        ("npmjs", "org"), ("npmjs", "com"), ("jsdelivr", "net"), ("unpkg", "com"), ("crates", "io"), ("golang", "org"),
    )
]  # fmt: skip
FORBIDDEN = {
    "package-registry host": re.compile("|".join(map(re.escape, REGISTRIES))),
    "path of one machine": re.compile(rf"(?<![\w.])/({'|'.join(('work', 'root', 'home', 'Users'))})/"),
    "unfinished": re.compile(rf"\b({'|'.join(word.upper() for word in ('todo', 'fixme', 'xxx'))})\b"),
}


def texts() -> dict[str, str]:
    """Return every text that git holds or would take in, by its path."""
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    done = subprocess.run(listing, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("not a git checkout")
    paths = [REPOSITORY / name for name in done.stdout.split("\0") if name and Path(name).suffix != ".png"]
    return {str(path.relative_to(REPOSITORY)): path.read_text("utf-8", "replace") for path in paths if path.is_file()}


@pytest.mark.parametrize("kind", FORBIDDEN)
def test_no_text_holds(kind: str) -> None:
    found = [f"{name}: {hit[0]}" for name, text in texts().items() if (hit := FORBIDDEN[kind].search(text)) is not None]
    assert found == []


def test_what_is_forbidden_is_recognised() -> None:
    for kind, sample in (
        ("package-registry host", f"https://files.{REGISTRIES[1]}/x"),
        ("path of one machine", f"see /{'home'}/someone/x"),
        ("unfinished", f"# {'todo'.upper()}: later"),
    ):
        assert FORBIDDEN[kind].search(sample), kind


@pytest.mark.parametrize("document", DOCUMENTS)
def test_files_that_a_document_names_exist(document: str) -> None:
    text = read(document)
    named = set(re.findall(r"`((?:persona_big5|questionnaires|benchmarks|tests|docs|\.ci)/[\w./-]*)`", text))
    folder = (REPOSITORY / document).parent
    linked = {target for target in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in target}
    assert [name for name in named if not (REPOSITORY / name).exists()] == []
    assert [name for name in linked if not (folder / name).exists()] == []


def test_constants_that_contributing_names_are_where_it_says() -> None:
    pairs = re.findall(r"`([A-Z_]+)`\s+in\s+`([\w./]+\.py)`", read("CONTRIBUTING.md"))
    assert len(pairs) >= 2
    for name, module in pairs:
        assert re.search(rf"^{name}\b", read(module), re.MULTILINE), (name, module)


def test_pictures_are_small() -> None:
    pictures = list((REPOSITORY / "docs").glob("*.png"))
    assert pictures
    assert [picture.name for picture in pictures if picture.stat().st_size > 300_000] == []


# Versions


def project() -> dict:
    return tomllib.loads(read("pyproject.toml"))


def lock() -> dict[str, Version]:
    pins = [
        re.fullmatch(r"([A-Za-z0-9._-]+)==([A-Za-z0-9.+!]+)", line) for line in read("requirements.lock").splitlines()
    ]
    assert all(pins), "every line of requirements.lock is name==version and nothing else"
    return {canonicalize_name(pin[1]): Version(pin[2]) for pin in pins}


def requirements() -> dict[str, Requirement]:
    settings = project()
    extras = settings["project"]["optional-dependencies"]
    listed = [*settings["project"]["dependencies"], *settings["dependency-groups"]["dev"], *extras["smollm"]]
    return {canonicalize_name(requirement.name): requirement for requirement in map(Requirement, listed)}


def test_the_lock_has_one_exact_version_of_each_package() -> None:
    assert len(lock()) == len(read("requirements.lock").splitlines())


def test_direct_dependencies_are_in_the_lock_in_a_version_that_is_allowed() -> None:
    pins = lock()
    direct = requirements()
    assert set(direct) - set(pins) == set()
    assert [name for name, one in direct.items() if not one.specifier.contains(pins[name])] == []


@pytest.mark.parametrize(
    ("package", "versions"), [("litellm", ("1.82.7", "1.82.8")), ("scikit-learn", ("1.8", "1.8.0", "1.9.1"))]
)
def test_versions_that_are_malicious_or_break_extraction_are_shut_out(package: str, versions: tuple[str, ...]) -> None:
    for version in versions:
        assert not requirements()[package].specifier.contains(version)
        assert lock()[package] != Version(version)


def test_the_changelog_begins_with_the_version_of_the_project() -> None:
    newest = re.search(r"^## (\S+)", read("CHANGELOG.md"), re.MULTILINE)
    assert newest
    assert newest[1] == project()["project"]["version"]

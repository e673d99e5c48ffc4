"""The repository around the code: scripts that run and say what for, commands that exist, and nothing of one machine."""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
LOCK = ROOT / "scripts" / "requirements.lock"
SCRIPTS = sorted(
    path for folder in ("scripts", ".ci") for path in (ROOT / folder).iterdir() if path.is_file() and path != LOCK
)
FOLDERS = ("cdc", "config", "docs", "examples", "migrations", "scripts", "tests", ".ci")
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])

# In pieces, so that this file does not contain what it looks for.
FOREIGN = re.compile(
    "|".join(
        [
            "pypi" + r"\.org",
            "python" + r"hosted\.",
            "(extra-)?index" + "-url",
            "find" + "-links",
            "trusted" + "-host",
            "registry" + r"\.npmjs",
            "proxy" + r"\.golang",
            r"(?<![\w.])/(root|work|opt|home/\w+)" + r"/[a-z.]",
            "/tmp/" + r"[a-z]+/bin",
        ]
    )
)
COMMAND = re.compile(r"(?<![\w/.-])(?:\./)?((?:scripts|\.ci)/[a-z][\w.-]*)")


def purpose(script: str) -> str:
    """Return the sentence that a script opens with: its first comment, or a Python program's docstring."""
    lines = script.splitlines()
    if not lines or not lines[0].startswith("#!"):
        return ""
    opening = re.match(r'(?:# |""")(\S.{20,}?[.])(?: |$|""")', lines[1]) if len(lines) > 1 else None
    return opening[1] if opening else ""


def foreign_words(text: str) -> list[str]:
    return [match[0] for match in FOREIGN.finditer(text)]


def commands(page: str) -> set[str]:
    """Name the scripts that a page mentions."""
    return {match[1].rstrip(".") for match in COMMAND.finditer(page)}


def lock_lines() -> list[str]:
    return [line for line in LOCK.read_text().splitlines() if not line.startswith("#")]


def requirements() -> list[Requirement]:
    """Return everything that pyproject.toml asks for, the build backend included."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    extras = project["project"]["optional-dependencies"].values()
    texts = [
        *project["build-system"]["requires"],
        *project["project"]["dependencies"],
        *(text for extra in extras for text in extra),
    ]
    return [Requirement(text) for text in texts]


def test_there_are_scripts():
    assert {"run", "test", "lint"} <= {path.name for path in SCRIPTS}


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_a_script_is_executable_and_opens_with_its_purpose(path):
    assert os.access(path, os.X_OK)
    assert purpose(path.read_text())


@pytest.mark.parametrize(
    "path", [path for path in SCRIPTS if "bash" in path.read_text().partition("\n")[0]], ids=lambda p: p.name
)
def test_a_shell_script_stops_at_the_first_error_and_knows_where_it_is(path):
    text = path.read_text()
    assert "\nset -euo pipefail\n" in text
    assert "BASH_SOURCE" in text or "scripts/" not in text.partition("\nset ")[2]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_the_scripts_that_a_page_names_exist(path):
    assert [name for name in commands(path.read_text()) if not (ROOT / name).is_file()] == []


def test_no_file_names_a_registry_or_a_place_of_one_machine():
    paths = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*") if path.is_file()]
    paths += [path for path in ROOT.iterdir() if path.is_file() and path.suffix in {".md", ".toml"}]
    texts = {path: path.read_bytes().decode(errors="replace") for path in paths if "__pycache__" not in path.parts}
    assert len(texts) > 20
    assert {
        str(path.relative_to(ROOT)): foreign_words(text) for path, text in texts.items() if foreign_words(text)
    } == {}


def test_the_lock_pins_each_package_to_one_version():
    pinned = [Requirement(line) for line in lock_lines()]
    assert all(len(each.specifier) == 1 and str(each.specifier).startswith("==") and not each.url for each in pinned)
    names = [canonicalize_name(each.name) for each in pinned]
    assert len(names) == len(set(names))
    assert not {"pip", "setuptools", "durable-cdc"} & set(names)


@pytest.mark.parametrize("requirement", requirements(), ids=str)
def test_the_lock_has_a_fitting_version_of_everything_that_is_asked_for(requirement):
    name = canonicalize_name(requirement.name)
    (pinned,) = (each for each in map(Requirement, lock_lines()) if canonicalize_name(each.name) == name)
    assert requirement.specifier.contains(str(pinned.specifier).removeprefix("=="))
    assert str(pinned.marker) == str(requirement.marker)


# The checks above can fail.


@pytest.mark.parametrize(
    "script", ["", "echo", "#!/bin/sh\necho", "#!/bin/sh\n# Short.", "#!/usr/bin/env python3\nimport os"]
)
def test_a_script_without_a_purpose_is_noticed(script):
    assert not purpose(script)


@pytest.mark.parametrize(
    "script", ["#!/bin/sh\n# Does a thing that is worth doing.", '#!/bin/x\n"""Does a thing that is worth doing."""']
)
def test_a_purpose_is_found(script):
    assert purpose(script) == "Does a thing that is worth doing."


@pytest.mark.parametrize(
    "text",
    [
        "https://" + "pypi" + ".org/simple",
        "--extra-index" + "-url x",
        "see /ro" + "ot/x",
        'cd "/wor' + 'k/x"',
        "/tmp/" + "v/bin/python",
    ],
)
def test_a_foreign_word_is_noticed(text):
    assert foreign_words(text)


def test_common_words_are_no_foreign_ones():
    assert foreign_words("a root/x, cdc/work/x, /2015-03-31/functions, the opt-out, /usr/bin/env, {root}/work/") == []


def test_commands_are_found_in_a_page():
    assert commands("Run `./scripts/run --port 0`, scripts/nothing-here. Or .ci/run; not examples/scripts/x") == {
        "scripts/run",
        "scripts/nothing-here",
        ".ci/run",
    }

"""The failure drills of examples/drills, each as its user runs it: with real daemons, real kills and its own checks."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.acceptance.program import ROOT

DRILLS = ROOT / "examples" / "drills"
AN_HOUR_AGO = """#!{python}
import sys
import cdc.clock

if sys.argv[1] in ("create-table", "import"):
    now_ms = cdc.clock.SystemClock.now_ms
    cdc.clock.SystemClock.now_ms = lambda clock: now_ms(clock) - 3_600_000
from cdc.cli.main import main

sys.exit(main())
"""
"""`cdc`, but what it writes before the daemon runs was written an hour ago: so that nobody has to wait for an hour."""
CHECKS = {"poison": 3, "crash": 4, "outage": 6, "stale": 5}


@pytest.fixture
def drill(tmp_path):
    """Run a drill to its end; return its exit code, standard output and standard error."""
    folder = tmp_path / "bin"
    folder.mkdir()

    def run(name, *arguments, program="", drills=DRILLS):
        if program:
            (folder / "cdc").write_text(program.format(python=sys.executable))
            (folder / "cdc").chmod(0o755)
        done = subprocess.run(
            [drills / name / "run", *arguments],
            cwd=tmp_path,
            env={name: value for name, value in os.environ.items() if not name.startswith("CDC_")}
            | {
                "PATH": os.pathsep.join([str(folder), str(Path(sys.executable).parent), os.environ["PATH"]]),
                "PYTHONPATH": str(ROOT),
                "TMPDIR": str(tmp_path),
                "COLUMNS": "200",
            },
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr

    return run


def test_every_drill_is_run_here():
    assert {path.parent.name for path in DRILLS.glob("*/run")} == set(CHECKS)


@pytest.mark.parametrize(
    ("name", "arguments", "program"),
    [("poison", [], ""), ("crash", [], ""), ("outage", ["1"], AN_HOUR_AGO), ("stale", ["0"], AN_HOUR_AGO)],
)
def test_a_drill_ends_with_what_is_promised(drill, name, arguments, program):
    code, said, errors = drill(name, *arguments, program=program)
    assert code == 0, said + errors
    assert said.count("\nok: ") == CHECKS[name]
    if name == "outage":
        assert " 60 min " in said, "the iterator age that is shown"


@pytest.mark.parametrize(
    "promise", ["check 'a promise' false", "until_true 'a promise' false", "check 'a promise' test -e nothing"]
)
def test_a_drill_fails_at_the_first_promise_that_does_not_hold(drill, tmp_path, promise):
    shutil.copytree(DRILLS, tmp_path / "drills")
    lines = ["#!/usr/bin/env bash", "set -euo pipefail", '. "$(dirname "${BASH_SOURCE[0]}")/../drill.sh"']
    lines += ["check another true", "PATIENCE_SECONDS=0", promise, "echo not reached"]
    (tmp_path / "drills" / "poison" / "run").write_text("\n".join(lines) + "\n")
    code, said, errors = drill("poison", drills=tmp_path / "drills")
    assert code == 1
    assert said.endswith("ok: another\n")
    assert errors.startswith("FAILED: a promise: ")

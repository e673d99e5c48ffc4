"""The README's program, handler and configuration are those of examples/shop, and they do what it says."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.acceptance.program import ROOT, eventually

if TYPE_CHECKING:
    from pathlib import Path

    from tests.acceptance.program import Program

SHOP = ROOT / "examples" / "shop"
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["totals.py", "cdc.toml", "shop.py", "embedded.py"])
def test_readme_shows_the_example(name: str):
    text = (SHOP / name).read_text(encoding="utf-8")
    code = re.sub(r'\A"""[^\n]*"""\n+', "", text)
    assert f"```{'toml' if name.endswith('.toml') else 'python'}\n{code.strip()}\n```" in README


def test_the_example_runs_as_the_readme_says(cdc: Program, tmp_path: Path):
    for name in ("totals.py", "cdc.toml"):
        shutil.copy(SHOP / name, tmp_path)
    daemon = cdc.serve("--config", "cdc.toml")
    program = (SHOP / "shop.py").read_text(encoding="utf-8").replace("127.0.0.1:8000", daemon.address)
    first = _run(cdc, program)
    assert re.sub(r"\d{21}", "SEQUENCE", first).splitlines() == [
        "{'amount': Decimal('50'), 'id': '1'}",
        "INSERT SEQUENCE {'amount': {'N': '42'}, 'id': {'S': '1'}}",
        "MODIFY SEQUENCE {'amount': {'N': '50'}, 'id': {'S': '1'}}",
    ]
    second = _run(cdc, (SHOP / "embedded.py").read_text(encoding="utf-8"))
    assert second == "{'amount': {'N': '7.5'}, 'id': {'S': '2'}}\n"
    printed = ("INSERT 1 {", "MODIFY 1 {", "INSERT 2 {")
    eventually(lambda: all(change in daemon.log() for change in printed), "the handler prints every change")


def _run(cdc: Program, text: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", text], cwd=cdc.folder, env=cdc.environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout

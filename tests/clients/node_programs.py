"""Programs of Node in `tests/clients/node`: what they need, and how they are run."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROGRAMS = Path(__file__).parent / "node"
PACKAGES = ROOT / ".venv" / "clients"  # where scripts/install-tools puts what package-lock.json names
CHROMIUM = Path("/usr/bin/chromium")
OLDEST_NODE = 20


def why_no_node() -> str:
    """Tell why programs of Node can't run here; nothing if they can."""
    if shutil.which("node") is None:
        return "Node is not installed"
    said = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout
    if int(said[1:].split(".")[0]) < OLDEST_NODE:
        return f"Node {said.strip()} is too old: the clients need {OLDEST_NODE}"
    wanted = (PROGRAMS / "package-lock.json").read_bytes()
    installed = PACKAGES / "installed"
    if not installed.exists() or installed.read_bytes() != wanted:
        return "the packages of tests/clients/node are not installed: scripts/install-tools does it where npm is"
    return ""


def why_no_browser() -> str:
    """Tell why no browser can be driven here; nothing if one can."""
    if CHROMIUM.exists():
        return why_no_node()
    return f"{CHROMIUM} is not installed: scripts/install-tools does it, as root on Debian"


def environment(**more: str) -> dict[str, str]:
    """Return the environment of a program: the packages, a made-up account, and nothing of the user's own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    account = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local", "AWS_REGION": "us-east-1"}
    return kept | account | {"NODE_PATH": str(PACKAGES / "node_modules")} | more

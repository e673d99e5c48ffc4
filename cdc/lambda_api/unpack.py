"""Unpacks the zip of a function into a folder, and nothing outside of it, durably."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import zipfile
import zlib
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from cdc.model.lambda_errors import CodeStorageExceededException, InvalidParameterValueException

if TYPE_CHECKING:
    from collections.abc import Iterator

UNPACKED_BYTES_MAX = 262_144_000
"""Lambda's bound for the code of a function, unpacked."""
ENTRIES_MAX = 50_000
"""Files and folders of a zip; the largest packages that fit Lambda have some thousands."""
LINK_BYTES_MAX = 4096
"""Of what a link leads to: no system takes a longer one."""
_CHUNK_BYTES = 1 << 20
_FAULTS_OF_NAMES = frozenset({errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.EINVAL})
"""What the system says of two entries of one name, a file in the place of a folder, and names that it does not take."""
_NO_ZIP = "Could not unzip uploaded file. Please check your file, then try to upload again."


def _no_zip(reason: str) -> InvalidParameterValueException:
    return InvalidParameterValueException(_NO_ZIP, Reason=reason)


def unpack(data: bytes, folder: Path) -> None:
    """Unpack a zip into a new folder, which exists whole and flushed to disk afterwards, or not at all.

    Raises: InvalidParameterValueException (Lambda's texts, with the reason as a member),
    CodeStorageExceededException when the disk is full or the folder can't be written.
    """
    scratch = folder.with_name(f"{folder.name}.part")
    try:
        scratch.mkdir(parents=True)
        with zipfile.ZipFile(BytesIO(data)) as archive:
            _extract(archive, scratch)
        _flush_folders(scratch)
        scratch.rename(folder)
        _flush(folder.parent)
        _flush(folder.parent.parent)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        raise _no_zip(str(error)) from None
    except OSError as error:
        if error.errno in _FAULTS_OF_NAMES and scratch.is_dir():
            raise _no_zip(f"{error.strerror}: {error.filename}") from None
        raise CodeStorageExceededException(f"The code can't be written to {folder}: {error.strerror}") from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _extract(archive: zipfile.ZipFile, root: Path) -> None:
    entries = archive.infolist()
    if not any(not entry.is_dir() for entry in entries):
        raise InvalidParameterValueException("Uploaded file must be a non-empty zip")
    if len(entries) > ENTRIES_MAX:
        raise _no_zip(f"{len(entries)} entries: expected at most {ENTRIES_MAX}")
    _refuse_bomb(sum(entry.file_size for entry in entries))
    links = []
    written = 0
    for entry in entries:
        place = root.joinpath(*_parts(entry.filename))
        if entry.is_dir():
            place.mkdir(parents=True, exist_ok=True)
        elif stat.S_ISLNK(_mode(entry)):
            if entry.file_size > LINK_BYTES_MAX:
                raise _no_zip(f"the link {entry.filename} is over {LINK_BYTES_MAX} bytes")
            links.append((place, archive.read(entry).decode()))
        else:
            written += _write(archive, entry, place, written)
    for place, _ in links:
        place.parent.mkdir(parents=True, exist_ok=True)
    for place, target in links:  # last, so that no file, folder or link is made through one
        place.symlink_to(target)
    _refuse_ways_out(root, [place for place, _ in links])


def _parts(name: str) -> tuple[str, ...]:
    """Take the name of an entry apart."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or "\0" in name or not path.parts:
        raise _no_zip(f"the name {name!r} leads out of the zip: expected relative names without .. and backslashes")
    return path.parts


def _mode(entry: zipfile.ZipInfo) -> int:
    return entry.external_attr >> 16


def _write(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, place: Path, before: int) -> int:
    """Write one file and return its size; its announced size is not trusted."""
    place.parent.mkdir(parents=True, exist_ok=True)
    size = 0
    with archive.open(entry) as source, place.open("xb") as file:
        while chunk := source.read(_CHUNK_BYTES):
            size += len(chunk)
            _refuse_bomb(before + size)
            file.write(chunk)
        file.flush()
        os.fchmod(file.fileno(), _permissions(entry))
        os.fsync(file.fileno())
    return size


def _permissions(entry: zipfile.ZipInfo) -> int:
    """Take over who may read and execute; the owner always may read and write. A bootstrap without any may be executed."""
    mode = _mode(entry) & 0o755
    if mode == 0 and entry.filename == "bootstrap":  # zipped where there are no permissions
        mode = 0o755
    return mode | 0o600


def _refuse_bomb(size: int) -> None:
    if size > UNPACKED_BYTES_MAX:
        raise InvalidParameterValueException(f"Unzipped size must be smaller than {UNPACKED_BYTES_MAX} bytes")


def _refuse_ways_out(root: Path, links: list[Path]) -> None:
    inside = Path(os.path.realpath(root))
    for link in links:
        if not Path(os.path.realpath(link)).is_relative_to(inside):
            raise _no_zip(f"the link {link.relative_to(root)} leads out of the zip: expected one to a file in it")


def _flush_folders(root: Path) -> None:
    for folder in _folders(root):
        _flush(folder)


def _folders(root: Path) -> Iterator[Path]:
    for folder, _, _ in os.walk(root):
        yield Path(folder)


def _flush(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

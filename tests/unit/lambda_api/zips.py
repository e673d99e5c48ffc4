"""Zips as they are uploaded."""

from __future__ import annotations

import base64
import io
import stat
import zipfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


def zip_of(
    files: Mapping[str, str | bytes], modes: dict[str, int] | None = None, links: dict[str, str] | None = None
) -> bytes:
    """Make a zip of files, with permissions of theirs, and of symbolic links."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = ((modes or {}).get(name, 0o644) | stat.S_IFREG) << 16
            archive.writestr(entry, content, zipfile.ZIP_DEFLATED)
        for name, target in (links or {}).items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = (stat.S_IFLNK | 0o777) << 16
            archive.writestr(entry, target)
    return buffer.getvalue()


def base64_of(data: bytes) -> str:
    return base64.b64encode(data).decode()

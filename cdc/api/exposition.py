"""Prometheus' text form of metrics, version 0.0.4."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

CONTENT_TYPE = b"text/plain; version=0.0.4; charset=utf-8"
COUNTER, GAUGE, SUMMARY = "counter", "gauge", "summary"
"""Kinds of metrics."""
_IN_HELP = str.maketrans({"\\": r"\\", "\n": r"\n"})
_IN_LABEL = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})


class Exposition:
    """Collects metrics and their samples; those of one metric follow each other."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._name = ""

    def metric(self, name: str, kind: str, text: str) -> None:
        """Begin a metric, whose samples follow."""
        self._name = name
        self._lines += [f"# HELP {name} {text.translate(_IN_HELP)}", f"# TYPE {name} {kind}"]

    def sample(self, labels: Mapping[str, str], value: float, suffix: str = "") -> None:
        """Add a sample of the metric begun last; `suffix` is for the parts of a summary."""
        pairs = ",".join(f'{name}="{text.translate(_IN_LABEL)}"' for name, text in labels.items())
        self._lines.append(f"{self._name}{suffix}{{{pairs}}} {value}" if pairs else f"{self._name}{suffix} {value}")

    def text(self) -> bytes:
        """Return all of it."""
        return ("\n".join(self._lines) + "\n").encode()

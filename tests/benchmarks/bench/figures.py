"""Arithmetic of the bench: medians with their spread, percentiles, ratios by round, targets and their verdicts."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, kw_only=True)
class Summary:
    """Several measurements of one thing."""

    median: float
    low: float
    high: float

    @property
    def spread(self) -> float:
        """Distance of the extremes, as a share of the median; 0 when the median is."""
        return (self.high - self.low) / self.median if self.median else 0.0


def summarise(values: Sequence[float]) -> Summary:
    """Reduce the rounds of one measurement; there must be at least one."""
    return Summary(median=statistics.median(values), low=min(values), high=max(values))


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least `share` (0 to 1) of all are not above; there must be at least one."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def serial_rate(*rates: float) -> float:
    """Return the rate of doing one thing after the other, each at its own rate: 1/(1/a + 1/b + …)."""
    return 1 / sum(1 / rate for rate in rates)


def ratios(above: Sequence[float], below: Sequence[float]) -> list[float]:
    """Divide round by round, so that what disturbed a whole round cancels out; further rounds of one side are left out."""
    return [a / b for a, b in zip(above, below, strict=False) if b]


@dataclass(frozen=True, kw_only=True)
class Target:
    """A figure that must be at least, or at most, so much."""

    name: str
    what: str  # that the figure is, with its unit
    bound: float
    at_least: bool

    def met(self, figure: float) -> bool:
        """Tell whether the figure is good enough."""
        return figure >= self.bound if self.at_least else figure <= self.bound

    def verdict(self, measured: Summary) -> str:
        """Say in a line whether the median is good enough."""
        word = "PASS" if self.met(measured.median) else "FAIL"
        sign = "≥" if self.at_least else "≤"
        spread = f"{measured.low:.3g} to {measured.high:.3g}"
        return f"{word}  {self.name}: {measured.median:.3g} {self.what} (target {sign} {self.bound:g}; rounds {spread})"

"""The bench's answer for people: the machine, a table of medians, and a line for each target."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.benchmarks.bench.figures import Summary
    from tests.benchmarks.bench.results import Results

NAME_WIDTH = 70
HOW = """\
Medians over the rounds, which take turns; ± is half of their spread. Under load the server has core {server_core} and the
load generator (wrk, closed loop) core {client_core}, floors likewise. Drain, delivery and latency are not pinned. CPU is
that of the server process; for delivery that of the daemon with its handlers. Latency to a handler counts from the
sending of the write, by the monotonic clock that all processes share; p99 during a purge from when a write was due (own
client, open loop), within half a second of the purge's end."""


def machine(facts: dict[str, Any]) -> str:
    """Say on what it was measured."""
    return (
        f"{facts['date']}, commit {facts['commit']}, {facts['cores']} cores ({facts['cpu']}), "
        f"{facts['memory_gib']} GiB, Linux {facts['kernel']}, {facts['filesystem']}, "
        f"Python {facts['python']}, SQLite {facts['sqlite']}, load before {facts['load_before']:.1f}"
    )


def table(results: Results) -> Iterable[str]:
    """Write one line for each measurement."""
    yield f"{'':{NAME_WIDTH}} {'per second':>14} {'CPU µs':>8} {'p50 ms':>8} {'p99 ms':>8} {'max ms':>8}"
    for name in results.rounds:
        found = results.summaries(name)
        rate = _rate(found.get("rate"))
        cells = [_cell(found.get(figure)) for figure in ("cpu_us", "p50_ms", "p99_ms", "max_ms")]
        yield f"{name:{NAME_WIDTH}} {rate:>14} " + " ".join(f"{cell:>8}" for cell in cells)


def _rate(summary: Summary | None) -> str:
    return "" if summary is None else f"{summary.median:,.0f} ±{summary.spread * 50:.0f}%"


def _cell(summary: Summary | None) -> str:
    if summary is None:
        return ""
    return f"{summary.median:.0f}" if summary.median >= 100 else f"{summary.median:.2f}"


def lines(facts: dict[str, Any], results: Results) -> Iterable[str]:
    """Write the whole report."""
    yield machine(facts)
    yield HOW.format(**facts)
    yield ""
    yield from table(results)
    yield ""
    for name, summary in results.cpu_ratios().items():
        yield f"CPU   {name}: {summary.median:.2f} (rounds {summary.low:.2f} to {summary.high:.2f})"
    for target, summary in results.judged():
        yield target.verdict(summary)
    for failure in results.failures:
        yield f"BROKEN  {failure}"

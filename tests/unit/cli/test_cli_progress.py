from __future__ import annotations

import sys

from cdc.cli.progress import LINE_SECONDS, progress
from cdc.clock import ManualClock


def test_without_a_terminal_there_is_a_line_now_and_then(capsys):
    clock = ManualClock()
    with progress("importing", 1000, clock) as show:
        for step in range(1, 21):
            clock.advance(LINE_SECONDS / 4)
            show(step * 50, step * 100)
    assert capsys.readouterr().err.splitlines() == [
        "importing: 400 items, 80/s (20%)",
        "importing: 800 items, 80/s (40%)",
        "importing: 1,200 items, 80/s (60%)",
        "importing: 1,600 items, 80/s (80%)",
        "importing: 2,000 items, 80/s (100%)",
    ]


def test_a_terminal_gets_a_bar_on_standard_error(capsys, monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    clock = ManualClock()
    with progress("importing", None, clock) as show:
        clock.advance(1)
        show(10, 5)
    captured = capsys.readouterr()
    assert "5 items, 5/s" in captured.err
    assert captured.out == ""

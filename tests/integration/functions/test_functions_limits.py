"""Bounds of a function: how many run, how many wait, how long one is idle, how often a broken one is started."""

from __future__ import annotations

import os
import threading

import pytest

from cdc.clock import SystemClock
from cdc.functions import gate
from cdc.functions.requests import RequestCounts
from cdc.functions.runner import FunctionsOptions
from cdc.model.functions import TooManyRequestsError, UnknownFunctionError

KINDS = ("python", "runtime", "command", "in-process")


@pytest.fixture
def gated(bench, request):
    """Define `f`, of a kind, so that an invocation says that it runs and ends when it is let go."""

    def define(kind, **members):
        if kind == "command":
            bench.shell("read n; touch started-$n; until [ -e go-$n ]; do sleep 0.01; done; echo $n", **members)
        elif kind == "runtime":
            bench.runtime(
                "while True:\n    request_id, n, _ = fetch()\n    open(f'started-{n}', 'w').close()\n"
                "    while not os.path.exists(f'go-{n}'): time.sleep(0.005)\n    respond(request_id, n)",
                **members,
            )
        else:
            name = f"gated_{request.node.name.translate(str.maketrans('[]-', '___'))}"
            folder = str(bench.folder)
            bench.module(
                "import os, time\ndef handle(n, context):\n"
                f"    open({folder!r} + f'/started-{{n}}', 'w').close()\n"
                f"    while not os.path.exists({folder!r} + f'/go-{{n}}'): time.sleep(0.005)\n    return n",
                name=name,
            )
            bench.define(handler=f"{name}:handle", in_process=kind == "in-process", **members)

    yield define
    for number in range(10):
        (bench.folder / f"go-{number}").touch()


def event(number):
    return b"%d\n" % number


def started(bench, number):
    return (bench.folder / f"started-{number}").exists()


@pytest.mark.parametrize("kind", KINDS)
def test_reserved_concurrency_bounds_the_instances_of_every_kind(bench, gated, wait_until, kind):
    gated(kind, reserved_concurrency=2, timeout_seconds=60)
    pendings = [bench.start(event=event(number)) for number in range(3)]
    wait_until(lambda: started(bench, 0) and started(bench, 1))
    status = bench.functions.status()[0]
    assert (status.instances, status.in_flight, status.queued) == (2, 2, 1)
    (bench.folder / "go-0").touch()
    wait_until(lambda: started(bench, 2))
    for number in (1, 2):
        (bench.folder / f"go-{number}").touch()
    assert [int(pending.outcome().result) for pending in pendings] == [0, 1, 2]


def test_reserved_concurrency_may_be_above_what_others_have(bench, gated, wait_until):
    bench.options = FunctionsOptions(max_instances=1)
    gated("python", reserved_concurrency=3, timeout_seconds=60)
    pendings = [bench.start(event=event(number)) for number in range(3)]
    wait_until(lambda: all(started(bench, number) for number in range(3)))
    for number in range(3):
        (bench.folder / f"go-{number}").touch()
    assert all(pending.outcome().ok for pending in pendings)


@pytest.mark.parametrize("kind", KINDS)
def test_a_function_without_instances_is_throttled_until_it_has_some(bench, gated, kind):
    gated(kind, reserved_concurrency=0, timeout_seconds=60)
    with pytest.raises(TooManyRequestsError, match=r"^Rate Exceeded\.$"):
        bench.request(event=event(0))
    assert bench.functions.requests() == {"f": RequestCounts(throttles=1)}
    throttled = bench.call(event=event(0))  # as of a mapping
    assert (throttled.ok, throttled.reached, throttled.error_type) == (False, False, "TooManyRequestsException")
    assert not started(bench, 0)
    (bench.folder / "go-1").touch()
    gated(kind, reserved_concurrency=1, timeout_seconds=60)
    assert int(bench.call(event=event(1)).result) == 1


def test_what_is_queued_for_a_function_that_is_throttled_by_then_is_refused(bench, gated, wait_until):
    gated("python", reserved_concurrency=1, timeout_seconds=60)
    running, queued = [bench.start(event=event(number)) for number in range(2)]
    wait_until(lambda: started(bench, 0))
    gated("python", reserved_concurrency=0, timeout_seconds=60)
    outcome = queued.outcome()
    assert (outcome.reached, outcome.error_type) == (False, "TooManyRequestsException")
    (bench.folder / "go-0").touch()
    assert running.outcome().ok


def test_a_request_is_refused_when_all_instances_are_busy_and_the_queue_is_full(bench, gated, monkeypatch, wait_until):
    monkeypatch.setattr("cdc.functions.manager.QUEUE_MAX", 2)
    gated("python", reserved_concurrency=1, timeout_seconds=60)
    pendings = [bench.request(event=event(0))]
    wait_until(lambda: started(bench, 0))
    pendings += [bench.request(event=event(number)) for number in (1, 2)]
    with pytest.raises(
        TooManyRequestsError, match="1 invocations of f run and 2 wait: try again later, or raise its res"
    ):
        bench.request(event=event(3))
    pendings.append(bench.start(event=event(4)))  # a mapping's waits all the same
    for number in (0, 1, 2, 4):
        (bench.folder / f"go-{number}").touch()
    assert [int(pending.outcome().result) for pending in pendings] == [0, 1, 2, 4]
    assert not started(bench, 3)
    counts = bench.functions.requests()["f"]
    assert (counts.invocations, counts.throttles, counts.finished, counts.errors) == (3, 1, 3, 0)
    assert counts.duration_ms > 0


def test_a_request_of_an_unknown_function_is_refused_at_once(bench):
    with pytest.raises(
        UnknownFunctionError, match="Function not found: arn:aws:lambda:us-east-1:000000000000:function:f"
    ):
        bench.request()


# Idle instances


@pytest.mark.parametrize("kind", ["python", "runtime"])
def test_an_idle_instance_is_ended_and_the_next_invocation_starts_another(bench, runs, wait_until, kind):
    if kind == "python":
        bench.module(
            "import atexit, os\natexit.register(open, 'bye', 'w')\ndef handle(event, context): return os.getpid()"
        )
        bench.define(handler="h:handle", idle_timeout_seconds=1)
    else:
        bench.runtime("while True: respond(fetch()[0], os.getpid())", idle_timeout_seconds=1)
    pid = int(bench.call().result)
    wait_until(lambda: not runs(pid))
    assert (bench.folder / "bye").exists() is (kind == "python")
    wait_until(lambda: bench.functions.status()[0].instances == 0)
    assert int(bench.call().result) != pid


def test_threads_of_idle_in_process_functions_are_ended_too(bench, gated, wait_until):
    gated("in-process", idle_timeout_seconds=1)
    (bench.folder / "go-1").touch()
    assert bench.call(event=event(1)).ok
    assert threads()
    wait_until(lambda: not threads())
    assert bench.call(event=event(1)).result == b"1"


def test_an_instance_in_use_is_not_ended_for_being_idle(bench):
    bench.python("time.sleep(0.3); return os.getpid()", idle_timeout_seconds=1)
    assert len({bench.call().result for _ in range(6)}) == 1


def test_who_comes_while_an_idle_instance_says_goodbye_does_not_wait_for_it(bench, wait_until):
    bench.module(
        "import atexit, os, time\n"
        "atexit.register(lambda: (open('leaving', 'w').close(), time.sleep(600)))\n"
        "def handle(event, context): return os.getpid()"
    )
    bench.define(handler="h:handle", idle_timeout_seconds=1)
    pid = bench.call().result
    wait_until((bench.folder / "leaving").exists)
    outcome = bench.call()
    assert outcome.result != pid
    assert outcome.duration_ms < 1500


def threads():
    return [thread for thread in threading.enumerate() if thread.name == "function f"]


# Starts that fail


@pytest.mark.parametrize("kind", ["python", "runtime"])
def test_a_function_that_cannot_start_is_tried_less_and_less_often(bench, monkeypatch, kind):
    monkeypatch.setattr(gate, "PAUSE_SECONDS", 0.05)
    if kind == "python":
        bench.define(handler="none:handle")
    else:
        bench.runtime("sys.exit(1)")
    clock = SystemClock()
    began = clock.monotonic()
    outcomes = [bench.call() for _ in range(4)]
    assert not any(outcome.ok for outcome in outcomes)
    assert clock.monotonic() - began >= 0.05 + 0.1 + 0.2 + sum(outcome.duration_ms for outcome in outcomes[1:]) / 1000


def test_closing_does_not_wait_for_the_pause_before_a_start(bench, monkeypatch, wait_until):
    monkeypatch.setattr(gate, "PAUSE_SECONDS", 600)
    monkeypatch.setattr(gate, "PAUSE_SECONDS_MAX", 600)
    bench.define(handler="none:handle")
    assert bench.call().error_type == "Runtime.ImportModuleError"
    waiting = bench.start()
    wait_until(lambda: bench.functions.status()[0].in_flight == 1)
    bench.functions.close(0)
    assert waiting.outcome().error_type == "Sandbox.Closed"


# Descriptions


def test_a_description_tells_what_list_functions_needs(bench):
    bench.module("def handle(event, context): return 1")
    bench.functions.configure(
        [
            bench.definition("b", handler="h:handle", memory_size=256, environment={"MINE": "m"}),
            bench.definition("a", runtime=("node", "runtime.mjs"), handler="index.handler"),
        ],
        {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"},
    )
    a, b = bench.functions.describe()
    assert (a.definition.name, a.arn) == ("a", "arn:aws:lambda:us-east-1:000000000000:function:a")
    assert (a.definition.kind.value, b.definition.kind.value) == ("runtime", "python")
    assert (b.definition.memory_size, dict(b.definition.environment)) == (256, {"MINE": "m"})
    assert (a.state, a.start_error) == ("Active", "")
    assert a.last_modified_ms > 1_700_000_000_000


def test_variables_for_all_functions_give_way_to_their_own(bench):
    bench.module("import os\ndef handle(event, context): return [os.environ['A'], os.environ['B']]")
    definition = bench.definition("f", handler="h:handle", environment={"B": "own"})
    bench.functions.configure([definition], {"A": "all", "B": "all"})
    assert bench.call().result == b'["all","own"]'
    bench.functions.configure([definition], {"A": "new", "B": "all"})
    assert bench.call().result == b'["new","own"]'


def test_a_function_keeps_its_instances_when_nothing_has_changed_for_it(bench):
    bench.python("return os.getpid()")
    pid = bench.call().result
    bench.functions.configure(list(bench.definitions.values()), {})
    assert bench.call().result == pid
    assert int(pid) != os.getpid()

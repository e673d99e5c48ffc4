"""Instances: reuse, the cap and the queue, reconfiguration, closing."""

from __future__ import annotations

import os
import threading

import pytest

from cdc.functions.runner import FunctionsOptions

GATE = (
    "open(f'started-{event}', 'w').close()\n    while not os.path.exists(f'go-{event}'): time.sleep(0.002)\n"
    "    return os.getpid()"
)


def started(bench, number):
    return (bench.folder / f"started-{number}").exists()


def let_go(bench, number):
    (bench.folder / f"go-{number}").touch()


def status_of(bench, name="f"):
    return next(status for status in bench.functions.status() if status.name == name)


def test_an_instance_is_reused(bench):
    bench.python("return os.getpid()")
    assert len({bench.call().result for _ in range(5)}) == 1
    assert (status_of(bench).instances, status_of(bench).in_flight) == (1, 0)


def test_an_invocation_submitted_from_a_listener_reuses_the_instance(bench):
    bench.python("return os.getpid()")
    results, ended = [], threading.Event()

    def next_one(outcome):
        results.append(outcome.result)
        if len(results) < 5:
            bench.functions.invoke("f", b"{}", "r", next_one)
        else:
            ended.set()

    bench.functions.invoke("f", b"{}", "r", next_one)
    assert ended.wait(20)
    assert len(set(results)) == 1


def test_at_most_max_instances_run_and_the_rest_queues_in_order(bench, wait_until):
    bench.options = FunctionsOptions(max_instances=2)
    bench.python(GATE, timeout_seconds=60)
    pendings = [bench.start(event=b"%d" % number) for number in range(4)]
    wait_until(lambda: started(bench, 0) and started(bench, 1))
    status = status_of(bench)
    assert (status.instances, status.in_flight, status.queued) == (2, 2, 2)
    assert not started(bench, 2)
    let_go(bench, 1)
    wait_until(lambda: started(bench, 2))
    assert not started(bench, 3)
    for number in (0, 2, 3):
        let_go(bench, number)
    assert len({pending.outcome().result for pending in pendings}) == 2


def test_the_instance_used_last_is_used_next(bench, wait_until):
    bench.python(GATE, timeout_seconds=60)
    pendings = [bench.start(event=b"%d" % number) for number in (0, 1)]
    wait_until(lambda: started(bench, 0) and started(bench, 1))
    let_go(bench, 0)
    pendings[0].outcome()
    let_go(bench, 1)
    last = pendings[1].outcome().result
    let_go(bench, 2)
    assert [bench.call(event=b"2").result for _ in range(3)] == [last] * 3


def test_an_idle_instance_that_dies_is_noticed_and_replaced(bench, wait_until, runs):
    bench.python("return os.getpid()")
    pid = int(bench.call().result)
    os.kill(pid, 9)
    wait_until(lambda: status_of(bench).instances == 0)
    assert not runs(pid)
    assert int(bench.call().result) != pid


def test_an_unchanged_function_keeps_its_instances_on_reload_and_a_changed_one_does_not(bench, wait_until, runs):
    bench.python("return os.getpid()")
    pid = int(bench.call().result)
    bench.functions.configure(list(bench.definitions.values()))
    assert int(bench.call().result) == pid
    bench.define(handler="h:handle", timeout_seconds=9)
    assert int(bench.call().result) != pid
    wait_until(lambda: not runs(pid))


def test_on_reload_an_invocation_in_flight_finishes_and_what_was_queued_runs_on_the_new_definition(bench, wait_until):
    bench.options = FunctionsOptions(max_instances=1)
    bench.python(GATE, timeout_seconds=60)
    first, second = bench.start(event=b"0"), bench.start(event=b"1")
    wait_until(lambda: started(bench, 0))
    bench.module("def handle(event, context): return 'new'")
    bench.define(handler="h:handle", timeout_seconds=30)
    assert second.outcome().result == b'"new"'
    assert not first.ended
    let_go(bench, 0)
    assert first.outcome().ok


def test_a_function_that_is_not_defined_or_was_removed_is_a_failed_outcome(bench):
    bench.python("return 1")
    del bench.definitions["f"]
    bench.functions.configure([])
    outcome = bench.call()
    arn = "arn:aws:lambda:us-east-1:000000000000:function:f"
    assert (outcome.error_type, outcome.error_message) == ("ResourceNotFoundException", f"Function not found: {arn}")
    assert not outcome.reached


def test_a_listener_of_an_unknown_function_is_not_called_on_the_invoking_thread(bench):
    threads, ended = [], threading.Event()

    def listen(_):
        threads.append(threading.current_thread())
        ended.set()

    bench.functions.invoke("none", b"{}", "r", listen)
    assert ended.wait(20)
    assert threads != [threading.current_thread()]


def test_closing_lets_what_runs_finish_and_fails_what_is_queued(bench, wait_until):
    bench.options = FunctionsOptions(max_instances=1)
    bench.python(GATE, timeout_seconds=60)
    running, queued = bench.start(event=b"0"), bench.start(event=b"1")
    wait_until(lambda: started(bench, 0))
    closing = threading.Thread(target=bench.functions.close, args=(20,))
    closing.start()
    assert (queued.outcome().error_type, queued.outcome().reached) == ("Sandbox.Closed", False)
    let_go(bench, 0)
    closing.join(20)
    assert running.outcome().ok
    assert bench.call().error_type == "Sandbox.Closed"


@pytest.mark.parametrize("kind", ["python", "shell"])
def test_closing_kills_what_is_not_done_in_time(bench, runs, kind):
    if kind == "python":
        bench.python("print(os.getpid(), file=open('pid', 'w'), flush=True); time.sleep(600)", timeout_seconds=900)
    else:
        bench.shell("echo $$ > pid; sleep 600", timeout_seconds=900)
    running = bench.start()
    pid = bench.pid_in("pid")
    bench.functions.close(0.01)
    assert (running.outcome().error_type, running.outcome().reached) == ("Sandbox.Closed", False)
    assert not runs(pid)


def test_an_idle_worker_runs_its_exit_handlers_when_closed(bench):
    bench.module("import atexit\natexit.register(open, 'bye', 'w')\ndef handle(event, context): pass")
    bench.define(handler="h:handle")
    bench.call()
    bench.functions.close(10)
    assert (bench.folder / "bye").exists()


def test_every_invocation_of_a_burst_is_answered_once(bench):
    bench.python("return event")
    pendings = [bench.start(event=b"%d" % number, request_id=f"r-{number}") for number in range(200)]
    assert [int(pending.outcome().result) for pending in pendings] == list(range(200))
    assert status_of(bench).instances <= 10

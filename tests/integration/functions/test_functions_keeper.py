"""No child outlives the daemon, whichever of the processes is killed."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[3]
DAEMON = """
import fcntl, sys, threading
from pathlib import Path
from cdc.clock import SystemClock
from cdc.functions.manager import Functions
from cdc.model.functions import FunctionDefinition

COMMAND = "setsid sleep 600 & echo $! > stray; echo $$ > command; exec sleep 600"
folder = Path(sys.argv[1])
lock = open(folder / "lock", "w")
fcntl.flock(lock, fcntl.LOCK_EX)
functions = Functions(clock=SystemClock(), log=print, keep_fds=[lock.fileno()])
functions.configure([
    FunctionDefinition(name="c", command=("sh", "-c", COMMAND), working_directory=folder, timeout_seconds=900),
    FunctionDefinition(name="p", handler="h:handle", working_directory=folder, timeout_seconds=900),
    FunctionDefinition(name="r", runtime=(sys.executable, "r.py"), working_directory=folder, timeout_seconds=900),
])
for name in "cpr":
    functions.invoke(name, b"{}", "r", print)
(folder / "keeper").write_text(f"{functions._keeper.pid}\\n")
threading.Event().wait()
"""
HANDLER = """
import os, time
def handle(event, context):
    with open("worker", "w") as file: print(os.getpid(), file=file)
    while True:
        try: time.sleep(600)
        except BaseException: pass
"""
RUNTIME = """
import os, time, urllib.request
next = f"http://{os.environ['AWS_LAMBDA_RUNTIME_API']}/2018-06-01/runtime/invocation/next"
urllib.request.urlopen(next).read()
with open("runtime", "w") as file: print(os.getpid(), file=file)
while True: time.sleep(600)
"""


class Daemon:
    """A small program that holds a lock and runs three functions that never end."""

    def __init__(self, bench):
        bench.module(HANDLER)
        bench.module(RUNTIME, name="r")
        program = bench.folder / "daemon.py"
        program.write_text(DAEMON)
        self.lock_path = bench.folder / "lock"
        environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
        self.process = subprocess.Popen([sys.executable, str(program), str(bench.folder)], env=environment)
        self.command, self.stray = bench.pid_in("command"), bench.pid_in("stray")
        self.worker, self.keeper = bench.pid_in("worker"), bench.pid_in("keeper")
        self.runtime = bench.pid_in("runtime")

    def kill(self):
        self.process.kill()
        self.process.wait()

    def lock_is_free(self):
        with self.lock_path.open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
        return True


@pytest.fixture
def daemon(bench, runs):
    daemon = Daemon(bench)
    yield daemon
    daemon.kill()
    for pid in (daemon.command, daemon.stray, daemon.worker, daemon.runtime, daemon.keeper):
        if runs(pid):
            os.kill(pid, signal.SIGKILL)


def test_a_killed_daemon_leaves_no_child_and_its_lock_is_free_only_then(daemon, wait_until, runs):
    assert not daemon.lock_is_free()
    daemon.kill()
    wait_until(daemon.lock_is_free, seconds=2)
    assert not runs(daemon.command)
    assert not runs(daemon.stray)
    assert not runs(daemon.worker)
    assert not runs(daemon.runtime)


def test_the_lock_is_held_as_long_as_the_keeper_has_not_killed_the_children(daemon, wait_until, runs):
    os.kill(daemon.keeper, signal.SIGSTOP)
    daemon.kill()
    assert runs(daemon.command)
    assert not daemon.lock_is_free()
    os.kill(daemon.keeper, signal.SIGCONT)
    wait_until(daemon.lock_is_free, seconds=2)
    assert not runs(daemon.command)


def test_a_worker_ends_by_itself_when_daemon_and_keeper_are_both_out_of_action(daemon, wait_until, runs):
    os.kill(daemon.keeper, signal.SIGSTOP)
    daemon.kill()
    wait_until(lambda: not runs(daemon.worker), seconds=2)
    assert runs(daemon.command)
    os.kill(daemon.keeper, signal.SIGCONT)


def test_the_keeper_ignores_the_signals_that_make_the_daemon_drain(bench):
    bench.python("return os.getpid()")
    pid = bench.call().result
    keeper = bench.functions._keeper.pid
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        os.kill(keeper, number)
    assert bench.call().result == pid
    assert os.getsid(keeper) == keeper != os.getsid(0)


@pytest.mark.parametrize("kind", ["python", "shell"])
def test_a_dead_keeper_fails_what_is_in_flight_and_a_new_one_serves_the_next(bench, runs, kind):
    if kind == "python":
        bench.python(
            "print(os.getpid(), file=open('pid', 'w'), flush=True); time.sleep(600 if event else 0)",
            timeout_seconds=900,
        )
    else:
        bench.shell("read event; echo $$ > pid; [ $event = 0 ] || sleep 600", timeout_seconds=900)
    running = bench.start(event=b"1\n")
    pid, keeper = bench.pid_in("pid"), bench.functions._keeper.pid
    assert bench.call(event=b"0\n").ok  # so that the keeper has told us of the first one by now
    os.kill(keeper, signal.SIGKILL)
    outcome = running.outcome()
    assert (outcome.error_type, outcome.reached) == ("Sandbox.KeeperLost", False)
    assert outcome.error_message.startswith("RequestId: r-1 Error: The process that watches over functions died")
    assert not runs(pid)
    assert bench.call(event=b"0\n").ok
    assert bench.functions._keeper.pid != keeper


def test_children_hold_none_of_the_daemons_descriptors(bench):
    bench.shell("ls -l /proc/$$/fd >&2")
    bench.call()
    numbers = {line.split(" -> ")[0].split()[-1] for line in bench.log() if " -> " in line}
    assert numbers <= {"0", "1", "2", "10"}, bench.log()


def test_closing_ends_the_keeper(bench, runs):
    bench.shell("true")
    bench.call()
    keeper = bench.functions._keeper.pid
    bench.functions.close(5)
    assert not runs(keeper)

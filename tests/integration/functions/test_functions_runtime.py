"""Runtimes that speak the Lambda Runtime API by hand, well and badly."""

from __future__ import annotations

import json
import os
import re
import signal

import pytest

from cdc.functions import warm

ECHO = "while True:\n    request_id, event, _ = fetch()\n    respond(request_id, event)\n"
UUID = "5bef4de7-0000-4000-8000-000000000001"


def test_a_runtime_gets_events_and_its_answers_come_back_from_one_process(bench):
    bench.runtime(ECHO)
    outcomes = [bench.call(event=b'{"n": %d}' % number, request_id=f"r-{number}") for number in range(5)]
    assert [json.loads(outcome.result) for outcome in outcomes] == [{"n": number} for number in range(5)]
    assert len(bench.pids()) == 1
    assert outcomes[0].init_ms is not None
    assert outcomes[1].init_ms is None


def test_next_has_the_headers_of_the_runtime_api(bench):
    bench.runtime(
        "request_id, event, headers = fetch()\nrespond(request_id, [headers, time.time()])", timeout_seconds=30
    )
    headers, now = json.loads(
        bench.request(request_id=UUID, client_context='{"custom": {"ü": 1}}'.encode()).outcome().result
    )
    assert headers.pop("Lambda-Runtime-Aws-Request-Id") == UUID
    assert headers.pop("Lambda-Runtime-Invoked-Function-Arn") == "arn:aws:lambda:us-east-1:000000000000:function:f"
    assert headers.pop("Content-Type") == "application/json"
    assert headers.pop("Content-Length") == "2"
    assert json.loads(headers.pop("Lambda-Runtime-Client-Context")) == {"custom": {"ü": 1}}
    assert re.fullmatch(
        "Root=1-[0-9a-f]{8}-[0-9a-f]{24};Parent=[0-9a-f]{16};Sampled=[01]", headers.pop("Lambda-Runtime-Trace-Id")
    )
    assert 29_000 < int(headers.pop("Lambda-Runtime-Deadline-Ms")) - now * 1000 <= 30_000
    assert headers == {}


def test_an_accepted_answer_gets_202_and_ok(bench):
    bench.runtime(
        "request_id, _, _ = fetch()\nstatus, headers, body = respond(request_id, 1)\nrequest_id, _, _ = fetch()\n"
        "respond(request_id, [status, headers, json.loads(body)])"
    )
    bench.call()
    status, headers, body = json.loads(bench.call(request_id="r-2").result)
    assert (status, body) == (202, {"status": "OK"})
    assert headers == {"Content-Type": "application/json", "Content-Length": "15"}


def test_the_environment_is_lambdas(bench, monkeypatch):
    monkeypatch.setenv("AWS_LAMBDA_MAX_CONCURRENCY", "10")  # would switch awslambdaric to another mode
    monkeypatch.setenv("FROM_DAEMON", "d")
    bench.runtime(
        "request_id, _, _ = fetch()\nrespond(request_id, [dict(os.environ), sys.stdin.read(), os.getcwd()])",
        memory_size=512,
        handler="app.handler",
        environment={"MINE": "m"},
    )
    environment, stdin, folder = json.loads(bench.call().result)
    expected = {
        "AWS_LAMBDA_FUNCTION_NAME": "f",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/f",
        "LAMBDA_TASK_ROOT": str(bench.folder),
        "_HANDLER": "app.handler",
        "AWS_REGION": "us-east-1",
        "TZ": ":UTC",
        "MINE": "m",
        "FROM_DAEMON": "d",
    }
    assert {name: environment.get(name) for name in expected} == expected
    assert "AWS_LAMBDA_MAX_CONCURRENCY" not in environment
    assert re.fullmatch(r"127\.0\.0\.1:\d+", environment["AWS_LAMBDA_RUNTIME_API"])
    assert (stdin, folder) == ("", str(bench.folder.resolve()))


def test_the_last_argument_is_the_handler_unless_one_is_given(bench):
    bench.runtime("request_id, _, _ = fetch()\nrespond(request_id, os.environ['_HANDLER'])")
    assert bench.call().result == b'"runtime.py"'


def test_each_instance_has_a_port_of_its_own(bench):
    bench.runtime(
        "request_id, event, _ = fetch()\nopen(f'at-{event}', 'w').close()\n"
        "while not os.path.exists('at-1') or not os.path.exists('at-2'): time.sleep(0.002)\nrespond(request_id, ADDRESS)",
        timeout_seconds=20,
    )
    first, second = (bench.start(event=b"%d" % number) for number in (1, 2))
    assert first.outcome().result != second.outcome().result


# Failures, in Lambda's words


def test_an_error_is_the_outcome_as_it_was_posted_and_the_process_lives_on(bench):
    bench.runtime(
        'fault = \'{"errorMessage": "bad", "errorType": "Mine", "trace": []}\'\n'
        "while True: call('POST', f'invocation/{fetch()[0]}/error', fault, **{'Lambda-Runtime-Function-Error-Type': 'X.Y'})"
    )
    first, second = bench.call(), bench.call()
    assert (first.ok, first.error_type, first.error_message) == (False, "Mine", "bad")
    assert first.payload == b'{"errorMessage": "bad", "errorType": "Mine", "trace": []}'
    assert second.init_ms is None


@pytest.mark.parametrize("body", ["no JSON", "[1]"])
def test_an_error_that_is_no_error_object_is_named_by_its_header(bench, body):
    bench.runtime(
        f"call('POST', f'invocation/{{fetch()[0]}}/error', {body!r}, **{{'Lambda-Runtime-Function-Error-Type': 'X.Y'}})"
    )
    assert json.loads(bench.call().payload) == {"errorType": "X.Y", "errorMessage": body}


def test_an_init_error_is_the_outcome_and_the_next_invocation_starts_anew(bench):
    bench.runtime(
        "if not os.path.exists('fine'): call('POST', 'init/error', '{\"errorType\": \"Init\", \"errorMessage\": \"no\"}')\n"
        "request_id, event, _ = fetch()\nrespond(request_id, event)"
    )
    outcome = bench.call()
    assert outcome.payload == b'{"errorType": "Init", "errorMessage": "no"}'
    assert (outcome.ok, outcome.error_type, outcome.duration_ms) == (
        False,
        "Init",
        pytest.approx(outcome.init_ms, abs=5),
    )
    assert bench.functions.describe()[0].state == "Failed"
    assert bench.functions.describe()[0].start_error == "Init: no"
    (bench.folder / "fine").touch()
    assert bench.call(event=b"1").result == b"1"
    assert bench.functions.describe()[0].state == "Active"


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("sys.exit(0)", "Runtime exited without providing a reason"),
        ("sys.exit(127)", "Runtime exited with error: exit status 127"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "Runtime exited with error: signal: killed"),
    ],
)
@pytest.mark.parametrize("fetched", [True, False])
def test_a_runtime_that_ends_without_an_answer_is_an_exit_error(bench, body, text, fetched):
    bench.runtime(f"print('last words', flush=True)\n{'fetch()' if fetched else ''}\n{body}")
    outcome = bench.call()
    assert (outcome.error_type, outcome.error_message) == ("Runtime.ExitError", f"RequestId: r-1 Error: {text}")
    assert json.loads(outcome.payload) == {"errorType": "Runtime.ExitError", "errorMessage": outcome.error_message}
    assert bench.log() == ["last words"]


def test_a_program_that_does_not_exist_is_named(bench):
    bench.define(runtime=("no-such-program",))
    assert bench.call().error_message == "RequestId: r-1 Error: fork/exec no-such-program: no such file or directory"


def test_a_timeout_kills_the_group_and_a_new_process_serves_the_next(bench, runs):
    bench.runtime(
        "import subprocess\nrequest_id, event, _ = fetch()\n"
        "if event: print(subprocess.Popen(['sleep', '600']).pid, flush=True); time.sleep(600)\nrespond(request_id, 'fine')",
        timeout_seconds=1,
    )
    outcome = bench.call(event=b"1")
    assert outcome.payload == (
        b'{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: r-1 Error: Task timed out after 1.00 seconds"}'
    )
    assert not runs(int(bench.log()[0]))
    assert bench.call(event=b"0").result == b'"fine"'


def test_a_runtime_that_never_asks_is_started_again_after_the_init_limit_under_the_functions_timeout(
    bench, monkeypatch
):
    monkeypatch.setattr(warm, "INIT_SECONDS", 2.0)  # each has to come to write its pid
    bench.runtime("time.sleep(600)", timeout_seconds=2)
    outcome = bench.call()
    assert outcome.error_message == "RequestId: r-1 Error: Task timed out after 2.00 seconds"
    assert 4000 <= outcome.duration_ms < 9000
    assert len(bench.pids()) == 2
    assert bench.log() == ["INIT_REPORT Init Duration: 2000.00 ms\tPhase: init\tStatus: timeout"]


def test_a_slow_second_init_leaves_the_rest_of_the_timeout_to_the_handler(bench, monkeypatch):
    monkeypatch.setattr(warm, "INIT_SECONDS", 0.2)
    bench.runtime(
        "time.sleep(1)\nrequest_id, event, headers = fetch()\n"
        "respond(request_id, int(headers['Lambda-Runtime-Deadline-Ms']) - time.time() * 1000)",
        timeout_seconds=10,
    )
    assert 5000 < float(bench.call().result) < 9100


@pytest.mark.parametrize(("size", "ok"), [(6_291_554, True), (6_291_555, False)])
def test_an_answer_may_have_six_megabytes_and_a_hundred_bytes(bench, size, ok):
    bench.runtime(
        f"request_id, _, _ = fetch()\nprint(*refusal(respond(request_id, 'x' * {size})), flush=True)\ntime.sleep(600)"
        if not ok
        else f"request_id, _, _ = fetch()\nrespond(request_id, 'x' * {size})",
        timeout_seconds=20,
    )
    outcome = bench.call()
    assert outcome.ok is ok
    if not ok:
        assert outcome.error_type == "Function.ResponseSizeTooLarge"
        assert "(6291556 bytes)" in outcome.error_message


def test_a_runtime_that_leaves_after_each_answer_is_started_for_the_next_without_losing_an_event(bench):
    bench.runtime("request_id, event, _ = fetch()\nrespond(request_id, event)\ntime.sleep(0.02)")
    assert [int(bench.call(event=b"%d" % number).result) for number in range(5)] == list(range(5))
    assert len(bench.pids()) == 5


# Misbehaviour


@pytest.mark.parametrize(
    ("request_text", "refusal"),
    [
        ("'POST', 'invocation/other/response', '1'", [400, "InvalidRequestID"]),
        ("'POST', 'invocation/other/error', '{}'", [400, "InvalidRequestID"]),
        ("'POST', 'init/error', '{}'", [403, "InvalidStateTransition"]),
        ("'GET', 'invocation/next'", [403, "InvalidStateTransition"]),
        ("'GET', 'restore/next'", [403, "InvalidStateTransition"]),
        ("'POST', 'invocation/next'", [404, "ResourceNotFound"]),
        ("'GET', 'nonsense'", [404, "ResourceNotFound"]),
        ("'GET', '../../2020-01-01/extension/register'", [404, "ResourceNotFound"]),
    ],
)
def test_what_is_not_allowed_is_refused_and_the_invocation_goes_on(bench, request_text, refusal):
    bench.runtime(f"request_id, _, _ = fetch()\nrespond(request_id, refusal(call({request_text})))")
    assert json.loads(bench.call().result) == refusal


@pytest.mark.parametrize("again", ["response", "error"])
def test_a_second_answer_is_refused_and_changes_nothing(bench, again):
    bench.runtime(
        "one, _, _ = fetch()\nrespond(one, 'first')\n"
        f"second = refusal(call('POST', f'invocation/{{one}}/{again}', '{{}}'))\n"
        "two, _, _ = fetch()\nlate = refusal(respond(one, 'late'))\nrespond(two, [second, late])"
    )
    assert bench.call(request_id="r-1").result == b'"first"'
    second, late = json.loads(bench.call(request_id="r-2").result)
    assert second == [403, "InvalidStateTransition"]
    assert late == [400, "InvalidRequestID"]


def test_init_phase_knows_no_invocation_and_restores_at_once(bench):
    bench.runtime(
        "early = refusal(call('POST', 'invocation/x/response', '1'))\nstatus = call('GET', 'restore/next')[0]\n"
        "request_id, _, _ = fetch()\nrespond(request_id, [early, status])"
    )
    assert json.loads(bench.call().result) == [[400, "InvalidRequestID"], 200]


def test_a_failed_restore_is_an_init_error(bench):
    bench.runtime('call("POST", "restore/error", \'{"errorType": "Hook", "errorMessage": "x"}\')')
    assert bench.call().error_type == "Hook"


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x00\x01\x02\r\n\r\n",
        b"GET\r\n\r\n",
        b"POST /x HTTP/1.1\r\nContent-Length: x\r\n\r\n",
        b"CONNECT a:1 HTTP/1.1\r\n\r\n",
    ],
)
def test_garbage_is_answered_with_400_on_its_own_connection(bench, garbage):
    bench.runtime(
        "request_id, _, _ = fetch()\nother = socket.create_connection(ADDRESS.split(':'))\n"
        f"other.sendall({garbage!r})\nanswer = b''\n"
        "while part := other.recv(4096): answer += part\nrespond(request_id, answer.decode())"
    )
    assert json.loads(bench.call().result).startswith("HTTP/1.1 400 Bad Request\r\n")


def test_headers_without_end_are_refused(bench):
    bench.runtime(
        "request_id, _, _ = fetch()\nother = socket.create_connection(ADDRESS.split(':'))\n"
        "try:\n    for _ in range(400): other.sendall(b'GET / HTTP/1.1\\r\\nA: ' if not _ else b'x' * 10_000)\n"
        "except OSError: pass\nrespond(request_id, other.recv(16).decode())",
        timeout_seconds=20,
    )
    assert bench.call().result == b'"HTTP/1.1 431 Req"'


def test_a_hundred_connections_that_are_left_open_do_no_harm(bench):
    bench.runtime(
        "request_id, event, _ = fetch()\n"
        "held = [socket.create_connection(ADDRESS.split(':')) for _ in range(100)]\nrespond(request_id, event)"
    )
    assert bench.call(event=b"7").result == b"7"


ASK = """
def ask():
    asking = socket.create_connection(ADDRESS.split(':'))
    asking.sendall(b'GET /2018-06-01/runtime/invocation/next HTTP/1.1\\r\\nHost: %s\\r\\n\\r\\n' % ADDRESS.encode())
    return asking

"""


def test_a_next_whose_connection_broke_is_forgotten(bench, wait_until):
    bench.runtime(
        ASK + "request_id, event, _ = fetch()\nrespond(request_id, event)\nfor _ in range(3): ask().close()\n"
        "open('asked', 'w').close()\nrequest_id, event, _ = fetch()\nrespond(request_id, event)"
    )
    assert bench.call(event=b"1").result == b"1"
    wait_until((bench.folder / "asked").exists)
    assert bench.call(event=b"2").result == b"2"
    assert len(bench.pids()) == 1


def test_who_asks_twice_is_given_the_event_on_the_later_connection(bench, wait_until):
    bench.runtime(
        ASK + "request_id, event, _ = fetch()\nrespond(request_id, event)\nearlier, later = ask(), ask()\n"
        "nothing = earlier.recv(1)\nopen('asked', 'w').close()\n"
        "head = later.recv(65536).decode()\nrespond('r-2', [nothing.decode(), head.splitlines()[0]])"
    )
    bench.call()
    wait_until((bench.folder / "asked").exists)
    assert json.loads(bench.call(request_id="r-2").result) == ["", "HTTP/1.1 200 OK"]


def test_an_event_that_was_not_sent_in_full_is_given_to_the_next_next(bench):
    bench.runtime(
        ASK + "half = ask()\nhalf.recv(1000)\nhalf.close()\n"
        "request_id, event, _ = fetch()\nrespond(request_id, len(event))",
        timeout_seconds=20,
    )
    assert bench.call(event=b'"' + b"x" * 20_000_000 + b'"').result == b"20000000"


@pytest.mark.parametrize(
    "header", [b"Host: evil.example\r\n", b"Host: 127.0.0.1\r\nOrigin: http://evil.example\r\n", b"Origin: null\r\n"]
)
def test_a_web_page_is_refused(bench, header):
    bench.runtime(
        "request_id, _, _ = fetch()\nother = socket.create_connection(ADDRESS.split(':'))\n"
        "other.sendall(b'POST /2018-06-01/runtime/invocation/%s/response HTTP/1.1\\r\\n' % request_id.encode()\n"
        f"    + {header!r} + b'Content-Length: 1\\r\\n\\r\\n1')\nrespond(request_id, other.recv(4096).decode())"
    )
    assert json.loads(bench.call().result).startswith("HTTP/1.1 403 Forbidden\r\n")


def test_expect_continue_chunks_and_an_offer_of_http_2_are_understood(bench):
    bench.runtime(
        "request_id, _, _ = fetch()\nother = socket.create_connection(ADDRESS.split(':')).makefile('rwb')\n"
        "other.write(b'POST /2018-06-01/runtime/invocation/%s/response HTTP/1.1\\r\\nHost: 127.0.0.1\\r\\n'\n"
        "    b'Connection: Upgrade, HTTP2-Settings\\r\\nUpgrade: h2c\\r\\nHTTP2-Settings: AA\\r\\n'\n"
        "    b'Expect: 100-continue\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n' % request_id.encode())\nother.flush()\n"
        "assert other.readline() == b'HTTP/1.1 100 Continue\\r\\n'\n"
        "other.write(b'2\\r\\n[1\\r\\n3\\r\\n,2]\\r\\n0\\r\\n\\r\\n')\nother.flush()\nassert other.readline() == b'\\r\\n'\n"
        "print(other.readline(), flush=True)\ntime.sleep(600)",
        timeout_seconds=20,
    )
    assert bench.call().result == b"[1,2]"


def test_a_streamed_answer_that_fails_on_its_way_is_an_error(bench):
    bench.runtime(
        "request_id, _, _ = fetch()\nimport base64\nother = socket.create_connection(ADDRESS.split(':'))\n"
        'fault = base64.b64encode(b\'{"errorType": "Stream", "errorMessage": "cut"}\')\n'
        "other.sendall(b'POST /2018-06-01/runtime/invocation/%s/response HTTP/1.1\\r\\nHost: 127.0.0.1\\r\\n'\n"
        "    b'Lambda-Runtime-Function-Response-Mode: streaming\\r\\nTrailer: Lambda-Runtime-Function-Error-Type\\r\\n'\n"
        "    b'Transfer-Encoding: chunked\\r\\n\\r\\n4\\r\\n\"abc\\r\\n0\\r\\nLambda-Runtime-Function-Error-Type: Stream\\r\\n'\n"
        "    b'Lambda-Runtime-Function-Error-Body: %s\\r\\n\\r\\n' % (request_id.encode(), fault))\ntime.sleep(600)",
        timeout_seconds=20,
    )
    assert bench.call().error_message == "cut"


def test_one_bad_runtime_does_not_hold_up_another(bench):
    bench.runtime("fetch()\ntime.sleep(600)", timeout_seconds=900)
    stuck = bench.start()
    (bench.folder / "good.py").write_text(
        (bench.folder / "runtime.py").read_text().partition("\nfetch()")[0] + "\n" + ECHO
    )
    bench.define("g", runtime=(*bench.definitions["f"].runtime[:1], "good.py"))
    assert [int(bench.call("g", b"%d" % number).result) for number in range(20)] == list(range(20))
    assert not stuck.ended


# Ends


def test_closing_ends_an_idle_runtime(bench, runs):
    bench.runtime(ECHO)
    bench.call()
    bench.functions.close(5)
    assert not runs(bench.pids()[0])


def test_an_idle_runtime_that_dies_is_noticed_and_replaced(bench, wait_until):
    bench.runtime(ECHO)
    bench.call()
    os.kill(bench.pids()[0], signal.SIGKILL)
    wait_until(lambda: bench.functions.status()[0].instances == 0)
    assert bench.call().ok
    assert len(bench.pids()) == 2


def test_closing_kills_a_running_one(bench, runs):
    bench.runtime(
        "fetch()\nprint(os.getpid(), file=open('pid', 'w'), flush=True)\ntime.sleep(600)", timeout_seconds=900
    )
    running = bench.start()
    pid = bench.pid_in("pid")
    bench.functions.close(0.01)
    assert running.outcome().error_type == "Sandbox.Closed"
    assert not runs(pid)


def test_what_background_threads_of_an_idle_runtime_print_is_logged(bench, wait_until):
    bench.runtime(
        "import threading\nrequest_id, event, _ = fetch()\nthreading.Timer(0.05, print, ['later'], {'flush': True}).start()\n"
        "respond(request_id, event)\nfetch()"
    )
    bench.call()
    wait_until(lambda: bench.log("") == ["later"])

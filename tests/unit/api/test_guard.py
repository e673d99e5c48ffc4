"""The guard: which hosts are this server, and which pages may call."""

from __future__ import annotations

import socket

import pytest

from cdc.api.guard import Guard, reachable, refusal_of_host, refusal_of_origin

LOCAL = Guard("127.0.0.1", (), ())
PUBLIC = Guard("0.0.0.0", ("db.example",), ("https://console.example/", "https://Other.example:8443"))


@pytest.mark.parametrize(
    "host",
    [b"localhost", b"LocalHost:8000", b"127.0.0.1", b"127.0.0.1:80", b"[::1]", b"[::1]:8000", b"localhost:"],
)
@pytest.mark.parametrize("guard", [LOCAL, PUBLIC])
def test_the_loopback_is_always_this_server(guard, host):
    assert guard.accepts_host(host)
    assert guard.accepts_host(host), "a second time, too"


@pytest.mark.parametrize(
    "host",
    [
        b"", b":8000", b"evil.example", b"localhost.evil.example", b"evil.example:8000", b"127.0.0.1.evil.example",
        b"evil@localhost", b"localhost/evil", b"localhost?x", b"localhost:80:80", b"localhost:x", b"::1", b"[::1",
        b"\xff", b"localhost ", b"127.0.0", b"[evil.example]", b"0x7f.1",
    ],
)  # fmt: skip
@pytest.mark.parametrize("guard", [LOCAL, PUBLIC])
def test_any_other_host_is_not(guard, host):
    assert not guard.accepts_host(host)
    assert not guard.accepts_host(host), "a second time, too"


@pytest.mark.parametrize("host", [b"192.0.2.7", b"192.0.2.7:8000", b"[2001:db8::1]:8000", b"0.0.0.0:8000"])
def test_an_address_is_this_server_where_it_listens_on_all(host):
    assert PUBLIC.accepts_host(host)
    assert not LOCAL.accepts_host(host)


def test_the_machines_name_is_this_server_where_it_listens_on_all():
    name = socket.gethostname().encode()
    assert PUBLIC.accepts_host(name)
    assert not Guard("192.0.2.7", (), ()).accepts_host(name + b".")


def test_a_server_on_all_addresses_is_reached_as_localhost():
    assert [reachable(host) for host in ("0.0.0.0", "::", "192.0.2.7")] == ["localhost", "localhost", "192.0.2.7"]


@pytest.mark.parametrize(
    ("guard", "host"),
    [
        (PUBLIC, b"db.example:8000"),
        (PUBLIC, b"DB.example"),
        (Guard("192.168.1.5", (), ()), b"192.168.1.5:8000"),
        (Guard("fe80::1", (), ()), b"[fe80::1]:8000"),
        (Guard("box.local", (), ()), b"box.local"),
    ],
)
def test_the_address_it_listens_on_and_the_allowed_hosts_are_this_server(guard, host):
    assert guard.accepts_host(host)


def test_however_many_hosts_are_tried_the_verdicts_stay_right():
    guard = Guard("127.0.0.1", (), ())
    assert not any(guard.accepts_host(b"evil%d.example" % number) for number in range(3000))
    assert guard.accepts_host(b"localhost:1")
    assert len(guard._verdicts) <= 1024


@pytest.mark.parametrize(
    ("origin", "host", "accepted"),
    [
        (b"http://localhost:8000", b"localhost:8000", True),
        (b"http://LOCALHOST:8000", b"localhost:8000", True),
        (b"http://localhost:8000", b"127.0.0.1:8000", False),
        (b"http://localhost:9000", b"localhost:8000", False),
        (b"https://evil.example", b"localhost:8000", False),
        (b"null", b"localhost:8000", False),
        (b"null", b"", False),
        (b"file://", b"localhost:8000", False),
        (b"https://console.example", b"localhost:8000", True),
        (b"http://console.example", b"localhost:8000", False),
        (b"https://console.example.evil.example", b"localhost:8000", False),
        (b"https://other.example:8443", b"localhost:8000", True),
        (b"https://other.example", b"localhost:8000", False),
    ],
)
def test_a_page_may_call_if_it_is_the_servers_own_or_allowed(origin, host, accepted):
    assert PUBLIC.accepts_origin(origin, host) is accepted


def test_a_refusal_names_what_was_refused_and_the_setting_that_would_allow_it():
    assert "'evil.example'" in refusal_of_host(b"evil.example:80")
    assert "server.allowed_hosts" in refusal_of_host(b"evil.example:80")
    assert "'https://evil.example'" in refusal_of_origin(b"https://evil.example")
    assert "server.allowed_origins" in refusal_of_origin(b"https://evil.example")

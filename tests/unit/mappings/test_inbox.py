"""Messages come in order, wake who waits, and are dropped once the inbox is closed."""

from __future__ import annotations

import threading

from cdc.mappings.inbox import Inbox


def test_messages_come_in_order_and_once():
    inbox: Inbox[int] = Inbox()
    for number in range(3):
        inbox.put(number)
    assert inbox.wait(0)
    assert inbox.wait(0)
    assert inbox.take() == [0, 1, 2]
    assert inbox.take() == []
    assert not inbox.wait(-1)


def test_a_message_wakes_who_waits():
    inbox: Inbox[str] = Inbox()
    thread = threading.Thread(target=inbox.put, args=("a",))
    thread.start()
    assert inbox.wait(None)
    thread.join()
    assert inbox.take() == ["a"]


def test_a_closed_inbox_drops_what_comes():
    inbox: Inbox[str] = Inbox()
    inbox.close()
    inbox.put("a")
    assert inbox.take() == []

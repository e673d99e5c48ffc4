"""What an operator does to a mapping whose function fails, on a running daemon."""

from __future__ import annotations

import json

import pytest

from tests.acceptance.program import eventually

HANDLER = """
import os

def handle(event, context):
    ids = [record["dynamodb"]["Keys"]["id"]["S"] for record in event["Records"]]
    if "bad" in ids and not os.path.exists("mended"):
        raise ValueError("bad is bad")
    with open("seen.txt", "a") as seen:
        print(*ids, file=seen)
"""
CONFIG = """
[streams]
shards = 1

[[functions]]
name = "collect"
handler = "collect:handle"

[[mappings]]
name = "collect"
table = "orders"
function = "collect"
starting_position = "TRIM_HORIZON"
batch_size = 1
"""


@pytest.fixture
def failing(cdc):
    """A daemon that delivers to a function which fails at the item `bad` until the file `mended` is there."""

    def start(config=""):
        cdc.write("collect.py", HANDLER)
        cdc.configure(CONFIG + config)
        cdc.run("create-table", "orders", "--key", "id")
        for each in ("a", "bad", "b"):
            cdc.run("put", "orders", f'{{"id": "{each}"}}')
        cdc.serve()
        return cdc

    return start


def seen(cdc):
    return cdc.read("seen.txt").split()


def lanes(cdc):
    return json.loads(cdc.run("status", "--json"))["mappings"][0]["shards"]


def test_a_dead_letter_is_redriven_when_the_function_is_mended(failing):
    cdc = failing("maximum_retry_attempts = 0\n")
    eventually(lambda: seen(cdc) == ["a", "b"], "what comes after the poison record is delivered")
    [letter] = json.loads(cdc.run("dead-letters", "list", "--json"))
    assert (letter["error_type"], letter["error_message"], letter["attempts"]) == ("ValueError", "bad is bad", 1)
    cdc.run("dead-letters", "redrive", str(letter["id"]))

    def state():
        return json.loads(cdc.run("dead-letters", "list", "--json"))[0]

    eventually(lambda: state()["state"] == "dead" and state()["attempts"] == 2, "the redrive fails")
    cdc.write("mended", "")
    cdc.run("dead-letters", "redrive", "--all")
    eventually(lambda: seen(cdc) == ["a", "b", "bad"], "the redrive is delivered")
    eventually(lambda: state()["state"] == "redriven", "that is noted")


def test_a_batch_that_fails_for_ever_can_be_skipped_and_gone_back_to(failing):
    cdc = failing()
    eventually(lambda: any(lane["failed_attempts"] for lane in lanes(cdc)), "the batch fails")
    assert seen(cdc) == ["a"]
    said = cdc.run("mappings", "skip", "collect")
    assert said.startswith("skipped 1 record of collect in shardId-")
    eventually(lambda: seen(cdc) == ["a", "b"], "what follows is delivered")
    assert "1 records were skipped by an operator" in cdc.run("status")
    cdc.write("mended", "")
    cdc.run("mappings", "reset", "collect", "TRIM_HORIZON")
    eventually(lambda: seen(cdc) == ["a", "b", "a", "bad", "b"], "everything is delivered again")


def test_a_retry_does_not_wait_for_the_pause_to_end(failing):
    cdc = failing()
    eventually(lambda: any(lane["failed_attempts"] > 5 for lane in lanes(cdc)), "pauses are 4 to 8 s long")
    cdc.write("mended", "")
    assert cdc.run("mappings", "retry", "collect") == "1 batch of collect is tried again\n"
    eventually(lambda: seen(cdc) == ["a", "bad", "b"], "it is delivered")


def test_a_paused_shard_waits_until_it_is_resumed(failing):
    cdc = failing()
    eventually(lambda: lanes(cdc), "the shard is begun")
    [lane] = lanes(cdc)
    end = lane["shard_id"][-8:]
    assert f"go on with `cdc mappings resume collect --shard {end}`" in cdc.run(
        "mappings", "pause", "collect", "--shard", end
    )
    cdc.write("mended", "")
    assert [each["paused"] for each in lanes(cdc)] == [True]
    cdc.run("mappings", "retry", "collect")
    cdc.run("mappings", "resume", "collect", "--shard", end)
    eventually(lambda: seen(cdc) == ["a", "bad", "b"], "it goes on")


def test_a_mapping_that_is_made_beside_a_running_daemon_delivers_until_it_is_deleted(cdc):
    cdc.write("collect.py", HANDLER)
    cdc.configure('[[functions]]\nname = "collect"\nhandler = "collect:handle"\n')
    cdc.run("create-table", "orders", "--key", "id")
    cdc.serve()
    options = ("--table", "orders", "--function", "collect", "--starting-position", "TRIM_HORIZON")
    uuid = json.loads(cdc.run("mappings", "create", *options))["UUID"]
    cdc.run("put", "orders", '{"id": "a"}')
    eventually(lambda: seen(cdc) == ["a"], "it delivers")
    cdc.run("mappings", "update", uuid, "--filter", '{"eventName": ["REMOVE"]}')
    names = (f"b{number}" for number in range(100))

    def passes_over():
        """Write another item, and see what became of it: the daemon hears of the change within a second."""
        name = next(names)
        cdc.run("put", "orders", f'{{"id": "{name}"}}')
        eventually(lambda: not any(lane["behind"] for lane in lanes(cdc)), "it is done with")
        return name not in seen(cdc)

    eventually(passes_over, "the filter is in force")
    cdc.run("mappings", "delete", uuid)
    assert json.loads(cdc.run("mappings", "list", "--json")) == []

"""The JavaScript SDK, and a console that is built on it, against a real daemon."""

from __future__ import annotations

import json
import subprocess

import pytest

from tests.clients.node_programs import CHROMIUM, PROGRAMS, environment, why_no_browser, why_no_node
from tests.table_definitions import definition, index


def test_the_javascript_sdk_works_unchanged(daemon):
    """Documents, paginators, waiters, transactions, errors, streams: its tests are in sdk.cjs."""
    if why_no_node():
        pytest.skip(why_no_node())
    done = subprocess.run(
        ["node", "--test", "--test-reporter=tap", str(PROGRAMS / "sdk.cjs")],
        env=environment(ENDPOINT=daemon.url),
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "\n# pass 10\n" in done.stdout, done.stdout


@pytest.fixture
def table(client):
    name = "admin"
    client.create_table(
        TableName=name,
        **definition("pk:S sk:N", "g:S", global_=[index("by-g", "g")]),
        StreamSpecification={"StreamEnabled": False},
    )
    for number in range(30):
        item = {"pk": {"S": "p"}, "sk": {"N": str(number)}, "list": {"L": [{"N": "1"}, {"NULL": True}]}}
        client.put_item(TableName=name, Item=item | ({"g": {"S": "x"}} if number == 7 else {}))
    yield name
    client.delete_table(TableName=name)


def test_a_person_lists_queries_and_edits_items_with_dynamodb_admin_in_a_browser(daemon, client, table):
    if why_no_browser():
        pytest.skip(why_no_browser())
    done = subprocess.run(
        ["node", str(PROGRAMS / "admin.cjs")],
        env=environment(ENDPOINT=daemon.url, TABLE=table, BROWSER=str(CHROMIUM)),
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    seen = json.loads(done.stdout)
    assert table in seen["tables"]
    assert seen["scanned"] == 25  # its first page
    assert seen["columns"] == ["Actions", "pk", "sk", "g", "list"]
    assert len(seen["queried"]) == 1
    item = {"pk": "p", "sk": 7, "list": [1, None], "g": "x"}
    assert seen["item"] == item
    assert seen["failures"] == []
    found = client.get_item(TableName=table, Key={"pk": {"S": "p"}, "sk": {"N": "7"}})["Item"]
    assert found.pop("edited") == {"M": {"by": {"L": [{"S": "hand"}, {"N": "1"}]}}}
    assert found == {"pk": {"S": "p"}, "sk": {"N": "7"}, "list": {"L": [{"N": "1"}, {"NULL": True}]}, "g": {"S": "x"}}

from __future__ import annotations

import json
import os

import pytest

from cdc.cli.tables import age_text, size_text
from cdc.model.mappings import Declaration, MappingSettings
from cdc.service import open_service
from cdc.store import roles


def declare(folder, *names):
    with open_service(folder / "cdc.db") as service:
        service.declare_mappings(
            Declaration(
                name=name,
                table_name="orders",
                settings=MappingSettings(function_name="f", starting_position="TRIM_HORIZON", batch_size=10),
            )
            for name in names
        )


def test_the_json_has_the_keys_that_the_help_promises(cli, orders, folder):
    declare(folder, "audit")
    cli("put", orders, '{"id": "1"}')
    result = cli("status", "--json")
    assert result.exit_code == 0
    state = json.loads(result.stdout)
    promised = cli("status", "--help").stdout
    described = {*state, *state["served_by"], *state["tables"][0], *state["streams"][0], *state["mappings"][0]}
    described |= {*state["streams"][0]["shards"][0]}
    assert [key for key in described if key not in promised] == []
    assert state["database"] == str(folder / "cdc.db")
    assert state["served_by"] == {"api": None, "poll": None}
    assert state["tables"][0]["items"] == 1
    heads = [shard["head_sequence"] for shard in state["streams"][0]["shards"]]
    assert [len(head) for head in heads if head is not None] == [21]


def test_the_tables_for_people_show_tables_streams_and_mappings(cli, orders, folder):
    declare(folder, "audit")
    cli("put", orders, '{"id": "1"}')
    text = cli("status").stdout
    assert text.startswith(f"{folder / 'cdc.db'}: no process serves it\n")
    for part in ("orders", "NEW_AND_OLD_IMAGES", "24 h", "audit", "enabled", "no record"):
        assert part in text


@pytest.mark.usefixtures("orders")
def test_the_process_that_serves_is_named(cli, folder):
    role = roles.try_take(folder / "cdc.db", roles.API)
    assert role is not None
    role.describe(url="http://127.0.0.1:8000")
    text = cli("status").stdout
    assert f"process {os.getpid()} listens on http://127.0.0.1:8000, nothing is delivered" in text
    role.release()


def test_an_empty_file_says_what_to_do(cli, folder):
    open_service(folder / "cdc.db").close()
    assert "no tables: make one, such as with `cdc create-table" in cli("status").stdout


def test_a_missing_file_is_not_made(cli, folder):
    result = cli("status")
    assert result.exit_code == 3
    assert not (folder / "cdc.db").exists()


@pytest.mark.usefixtures("orders")
def test_mappings_are_listed_paused_and_resumed(cli, folder):
    declare(folder, "audit", "totals")
    assert cli("mappings", "pause", "audit").stdout.startswith("paused audit")
    listed = json.loads(cli("mappings", "list", "--json").stdout)
    assert [(each["name"], each["state"]) for each in listed] == [("audit", "paused"), ("totals", "enabled")]
    assert "paused" in cli("mappings", "list").stdout
    assert cli("mappings", "resume", "audit").exit_code == 0
    assert "paused" not in cli("mappings", "list").stdout


@pytest.mark.usefixtures("orders")
def test_a_mapping_is_forgotten_when_the_configuration_no_longer_names_it(cli, folder):
    declare(folder, "audit")
    refused = cli("mappings", "forget", "audit")
    assert refused.exit_code == 1
    assert "is declared in the configuration" in refused.stderr
    declare(folder)
    assert cli("mappings", "forget", "audit").exit_code == 0
    assert cli("mappings", "list").stdout == ""


@pytest.mark.usefixtures("orders")
def test_a_mapping_that_is_not_there_is_refused_with_those_that_are(cli, folder):
    declare(folder, "audit")
    result = cli("mappings", "pause", "adit")
    assert result.exit_code == 1
    assert "no mapping is named adit; there are: audit" in result.stderr


@pytest.mark.parametrize(
    ("age_ms", "text"), [(0, "0"), (20, "20 ms"), (1500, "1.5 s"), (600_000, "10 min"), (9_000_000, "2.5 h")]
)
def test_an_age_is_readable(age_ms, text):
    assert age_text(age_ms) == text


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0 B"), (999, "999 B"), (1000, "1.0 KB"), (2_500_000, "2.5 MB"), (10**16, "10000.0 TB")]
)
def test_a_size_is_readable(size, text):
    assert size_text(size) == text

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def shown(cli, *arguments):
    result = cli("config", "show", "--json", *arguments)
    assert result.exit_code == 0
    return {entry["key"]: (entry["value"], entry["source"]) for entry in map(json.loads, result.stdout.splitlines())}


def test_every_value_says_where_it_came_from(cli, folder: Path, monkeypatch):
    monkeypatch.setenv("CDC_SERVER_PORT", "9000")
    (folder / "my.toml").write_text('[server]\nport = 8001\nhost = "::1"\n')
    values = shown(cli, "--config", "my.toml", "--database", "x.db")
    assert values["server.port"] == (9000, "CDC_SERVER_PORT")
    assert values["server.host"] == ("::1", "my.toml")
    assert values["database.path"] == (str(folder / "x.db"), "--database")
    assert values["retention.hours"] == (24, "default")


def test_the_configuration_in_the_current_folder_is_read(cli, folder: Path):
    assert shown(cli)["server.port"] == (8000, "default")
    (folder / "cdc.toml").write_text("[server]\nport = 8001\n")
    assert shown(cli)["server.port"] == (8001, "cdc.toml")


def test_people_get_aligned_lines(cli):
    lines = cli("config", "show").stdout.splitlines()
    assert len({line.rindex("  default") for line in lines}) == 1
    assert "server.drain_seconds" in next(line for line in lines if "30 seconds" in line)
    assert "unset" in next(line for line in lines if line.startswith("streams.shards"))


def test_a_wrong_setting_is_exit_code_2(cli, folder: Path):
    (folder / "cdc.toml").write_text("[server]\nprt = 8001\n")
    result = cli("config", "show")
    assert (result.exit_code, result.stderr) == (2, "cdc: cdc.toml: server.prt is no setting: did you mean port?\n")


def test_filters_that_are_no_patterns_are_wrong_settings(cli, folder: Path):
    functions = '[[functions]]\nname = "f"\nhandler = "m:f"\n'
    mappings = '[[mappings]]\nname = "m"\ntable = "orders"\nfunction = "f"\nstarting_position = "LATEST"\n'
    (folder / "cdc.toml").write_text(functions + mappings + """filters = [{eventName = ["INSERT"]}, '{"a": 1}']\n""")
    result = cli("config", "show")
    right = "expected a list of alternatives, as in [1]"
    text = f"cdc: cdc.toml: mappings.m.filters: filter 2: a: 1 stands alone: {right}\n"
    assert (result.exit_code, result.stderr) == (2, text)

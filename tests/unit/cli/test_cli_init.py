from __future__ import annotations

from typing import TYPE_CHECKING

from cdc.settings import load

if TYPE_CHECKING:
    from pathlib import Path


def test_the_configuration_works_where_it_was_written(cli, folder: Path):
    result = cli("init", "my app")
    assert result.exit_code == 0
    assert "  cd 'my app'\n" in result.stdout
    home = folder / "my app"
    settings = load(home / "cdc.toml")
    assert settings.database.path == home / "cdc.db"
    assert {function.working_directory for function in settings.functions} == {home}
    modules = {function.handler.partition(":")[0] for function in settings.functions if function.handler}
    scripts = {function.command[1] for function in settings.functions if function.command}
    assert {f"{module}.py" for module in modules} | scripts | {"cdc.toml"} == {path.name for path in home.iterdir()}


def test_the_next_steps_are_those_of_the_configuration(cli, folder: Path):
    text = cli("init").stdout
    assert "\n  cd " not in text
    assert {mapping.table for mapping in load(folder / "cdc.toml").mappings} == {"orders"}
    for line in ("cdc serve", "cdc create-table orders --key id", """cdc put orders '{"id": "1", "total": 42}'"""):
        assert f"\n  {line}" in text


def test_nothing_is_overwritten(cli, folder: Path):
    (folder / "handlers.py").write_text("mine")
    result = cli("init")
    assert result.exit_code == 1
    assert result.stderr.startswith("cdc: handlers.py exists already")
    assert [path.name for path in folder.iterdir()] == ["handlers.py"]
    assert (folder / "handlers.py").read_text() == "mine"


def test_a_folder_that_can_not_be_made_is_one_line(cli, folder: Path):
    (folder / "file").write_text("")
    result = cli("init", "file/below")
    assert result.exit_code == 1
    assert result.stderr == "cdc: file/below: Not a directory\n"

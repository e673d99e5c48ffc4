from __future__ import annotations

import shutil
import tomllib
from pathlib import Path

from cdc.cli import init
from cdc.settings import load

ROOT = Path(__file__).parents[3]


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


def test_what_can_not_be_written_leaves_nothing_behind(cli, folder: Path, monkeypatch):
    monkeypatch.setattr(init, "shipped_files", lambda: {"cdc.toml": "", "missing/handlers.py": ""})
    result = cli("init")
    assert result.exit_code == 1
    assert result.stderr == "cdc: missing/handlers.py: No such file or directory; nothing was written\n"
    assert list(folder.iterdir()) == []


def test_an_installed_package_has_what_a_checkout_has(tmp_path: Path, monkeypatch):
    """The wheel is made by copying files as pyproject.toml says."""
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    from_checkout = init.shipped_files()
    for source, target in build["force-include"].items():
        if (ROOT / source).is_file():
            (tmp_path / target).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / source, tmp_path / target)
    monkeypatch.setattr(init, "_PACKAGE", tmp_path / "cdc")
    assert init.shipped_files() == from_checkout

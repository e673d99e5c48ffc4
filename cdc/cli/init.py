"""`cdc init`: write a configuration and a first handler."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from cdc.cli.errors import CommandError

_PACKAGE = Path(__file__).parents[1]
_ADAPTED = {  # of the shipped configuration, which lies in a folder of its own
    'path = "../cdc.db"': 'path = "cdc.db"',
    'working_directory = "../examples"': 'working_directory = "."',
}


@click.command("init")
@click.argument("folder", type=click.Path(path_type=Path), default=".")
def command(folder: Path) -> None:
    """Write a configuration and a first handler.

    FOLDER is created when missing; default is the current one. Writes cdc.toml, which shows and explains every
    setting, and the two handlers that it declares. Nothing is overwritten.

    \b
    Examples:
      cdc init
      cdc init my-app
    """  # noqa: D301
    files = {folder / name: text for name, text in shipped_files().items()}
    taken = [path for path in files if path.exists()]
    if taken:
        raise CommandError(f"{taken[0]} exists already and is not overwritten: name another folder, or move it away")
    folder.mkdir(parents=True, exist_ok=True)
    _write(files)
    click.echo(f"wrote {', '.join(map(str, files))}\n\nNext:")
    if folder.resolve() != Path.cwd():
        click.echo(f"  cd {shlex.quote(str(folder))}")
    click.echo(
        "  cdc serve                                       # in a terminal of its own; it prints what handlers print\n"
        "  cdc create-table orders --key id\n"
        """  cdc put orders '{"id": "1", "total": 42}'\n"""
        "  cdc tail orders --from-start"
    )


def _write(files: dict[Path, str]) -> None:
    """Write new files: all of them, or none."""
    written: list[Path] = []
    for path, text in files.items():
        try:
            with path.open("x", encoding="utf-8") as file:
                written.append(path)
                file.write(text)
        except OSError as error:
            for each in written:
                each.unlink()
            raise CommandError(f"{path}: {error.strerror}; nothing was written") from error


def shipped_files() -> dict[str, str]:
    """Read the example configuration and its handlers: from the wheel, or from the checkout that this is."""
    wheel = _PACKAGE / "_config"
    config, examples = (
        (wheel, wheel / "examples")
        if wheel.is_dir()
        else (
            _PACKAGE.parent / "config",
            _PACKAGE.parent / "examples",
        )
    )
    settings = (config / "cdc.toml").read_text(encoding="utf-8")
    for shipped, adapted in _ADAPTED.items():
        assert shipped in settings, f"the shipped configuration has no {shipped}"
        settings = settings.replace(shipped, adapted)
    handlers = {name: (examples / name).read_text(encoding="utf-8") for name in ("handlers.py", "audit.sh")}
    return {"cdc.toml": settings, **handlers}

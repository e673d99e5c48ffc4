"""Options that several commands share: which database file and configuration, and how items are written."""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cdc.settings import Settings, SettingsError, load

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

DEFAULT_CONFIG = Path("cdc.toml")
"""The configuration that is read when none is named and this one exists, in the current folder."""


def config_in_use(config: Path | None) -> Path | None:
    """Return the configuration to read: the named one, else ./cdc.toml if it exists, else none."""
    return config if config is not None or not DEFAULT_CONFIG.exists() else DEFAULT_CONFIG


def load_settings(config: Path | None, flags: Mapping[str, object]) -> Settings:
    """Load the settings in force from the configuration, the environment and flags.

    Raises: SettingsError.
    """
    settings = load(config_in_use(config), environment=os.environ, flags=flags)
    if any(mapping.filters for mapping in settings.mappings):
        _check_filters(settings, config_in_use(config))
    return settings


def _check_filters(settings: Settings, config: Path | None) -> None:
    """Refuse filters that are none: the language is beyond the settings, which are below every other floor."""
    from cdc.mappings.filtering import FilterError, compile_filters  # noqa: PLC0415  # for configurations with filters

    for mapping in settings.mappings:
        try:
            compile_filters(mapping.filters)
        except FilterError as error:
            raise SettingsError(f"{config}: mappings.{mapping.name}.filters: {error}") from None


def config_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add --config."""
    text = "Configuration file.  [default: ./cdc.toml if it exists]"
    return click.option("--config", type=click.Path(path_type=Path), metavar="FILE", help=text)(function)


def database_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add --database."""
    text = "Database file.  [default: as configured, else cdc.db]"
    return click.option("--database", metavar="FILE", help=text)(function)


def with_settings(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add --database and --config, and pass what they come to as `settings`."""

    @database_option
    @config_option
    @functools.wraps(function)
    def run(*args: Any, database: str | None, config: Path | None, **rest: Any) -> Any:
        settings = load_settings(config, {"database.path": database})
        return function(*args, settings=settings, **rest)

    return run


def typed_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add --dynamodb-json."""
    text = 'Items as DynamoDB writes them, {"id": {"S": "1"}}, in and out: keeps sets and binary values.'
    return click.option("--dynamodb-json", "typed", is_flag=True, help=text)(function)

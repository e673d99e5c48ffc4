"""Settings: what can be set, and how file, environment and flags become one frozen value that knows where it came from."""

from cdc.settings.reading import Entry, entries, load
from cdc.settings.rules import SettingsError
from cdc.settings.sections import (
    CredentialSettings,
    DatabaseSettings,
    DestinationSettings,
    FunctionSettings,
    LoggingSettings,
    MappingSettings,
    RetentionSettings,
    S3Settings,
    Settings,
    StreamSettings,
    TableSettings,
)
from cdc.settings.server import ServerSettings

__all__ = [
    "CredentialSettings",
    "DatabaseSettings",
    "DestinationSettings",
    "Entry",
    "FunctionSettings",
    "LoggingSettings",
    "MappingSettings",
    "RetentionSettings",
    "S3Settings",
    "ServerSettings",
    "Settings",
    "SettingsError",
    "StreamSettings",
    "TableSettings",
    "entries",
    "load",
]

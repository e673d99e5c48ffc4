"""Settings: what can be set, and how file, environment and flags become one frozen value that knows where it came from."""

from cdc.settings.credentials import CredentialSettings
from cdc.settings.destinations import DestinationSettings
from cdc.settings.reading import Entry, entries, load
from cdc.settings.rules import SettingsError
from cdc.settings.sections import (
    DatabaseSettings,
    FunctionSettings,
    LoggingSettings,
    MappingSettings,
    RetentionSettings,
    Settings,
    StreamSettings,
)
from cdc.settings.server import ServerSettings
from cdc.settings.tables import S3Settings, TableSettings

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

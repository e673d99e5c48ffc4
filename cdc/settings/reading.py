"""Reading settings: the TOML file, over it the environment, over it the flags; each value keeps its source."""

from __future__ import annotations

import difflib
import tomllib
from dataclasses import MISSING, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from cdc.model.destinations import DestinationError, parse_destination
from cdc.settings.credentials import CredentialSettings
from cdc.settings.rules import HIDDEN, Checked, Kind, Rule, SettingsError, json_text, nearest, rule_of, shown
from cdc.settings.sections import ARRAYS, SECTIONS, FunctionSettings, MappingSettings, Settings, keys_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# A configuration is a page of text: more than this is another file named by mistake.
CONFIG_MAX_BYTES = 1 << 20
# The prefix is a common word, so a variable is taken for a slip only when it is this close to one of ours.
VARIABLE_LIKENESS = 0.85
PREFIX = "CDC_"

_RULES = {f"{name}.{key}": rule_of(each) for name, part in SECTIONS.items() for key, each in keys_of(part).items()}
_VARIABLES = {PREFIX + key.replace(".", "_").upper(): key for key in _RULES}
# One access key can come from the environment, where secrets often are, beside those of the file.
_CREDENTIAL_VARIABLES = {f"{PREFIX}CREDENTIALS_{key.upper()}": key for key in keys_of(CredentialSettings)}
_Section = TypeVar("_Section", bound=Checked)


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One line of `cdc config show`."""

    key: str  # dotted, such as server.port or functions.audit.timeout_seconds
    value: object  # HIDDEN in place of a secret
    source: str  # default, the name of the file, of the environment variable or of the flag
    unit: str  # empty where the value has none


@dataclass(frozen=True, kw_only=True)
class _Place:
    """Where values are read from."""

    name: str  # opens an error message
    source: str  # what `Entry.source` says
    folder: Path  # where relative paths start

    def read(self, key: str, rule: Rule, value: object) -> object:
        """Check a value and give it the type that the settings have."""
        if rule.kind is Kind.DESTINATION and isinstance(value, str):
            return self._destination(key, value)
        if not rule.accepts(value):
            raise self.error(f"{key} = {rule.shown(value)}: expected {rule.right}")
        if rule.kind is Kind.PATH:
            return self._path(key, str(value))
        if rule.kind is Kind.JSON_TEXTS:
            return tuple(map(json_text, cast("list[object]", value)))
        return tuple(cast("list[str]", value)) if rule.kind is Kind.TEXTS else value

    def error(self, text: str) -> SettingsError:
        """Build an error that names this place."""
        return SettingsError(f"{self.name}: {text}")

    def _destination(self, key: str, text: str) -> str:
        """Make the path of a file whole, as it is kept in the database, where no folder is known."""
        try:
            return parse_destination(text, self.folder.resolve()).text
        except DestinationError as error:
            raise self.error(f"{key} = {shown(text)}: {error}") from None

    def _path(self, key: str, text: str) -> Path:
        try:
            return (self.folder / Path(text).expanduser()).resolve()
        except (OSError, RuntimeError) as error:  # no such user after ~, or links in a circle
            raise self.error(f"{key} = {shown(text)}: expected a path that leads somewhere ({error})") from None


def load(
    config: Path | None = None,
    *,
    environment: Mapping[str, str] | None = None,
    flags: Mapping[str, object] | None = None,
) -> Settings:
    """Build the settings from `config`, then `environment`, then `flags`, the later ones winning.

    `flags` has dotted keys (`server.port`); a value of None was not given. Relative paths start at the folder of
    `config`; those of the environment and of flags at the current one. Raises SettingsError for anything wrong, also
    in a value that another one overrides.
    """
    here = Path.cwd()
    folder = here if config is None else config.absolute().parent
    file = _Place(name=str(config), source="" if config is None else config.name, folder=folder)
    document = {} if config is None else _document(config, file)
    values = {key: (value, "default") for key, value in _defaults(folder).items()}
    values |= _from_file(document, file)
    values |= _from_environment(environment or {}, here)
    values |= _from_flags(flags or {}, here)
    sources = {key: source for key, (_, source) in values.items()}
    functions = _array(document, "functions", FunctionSettings, file, sources)
    mappings = _array(document, "mappings", MappingSettings, file, sources)
    credentials = _array(document, "credentials", CredentialSettings, file, sources)
    credentials += _credential_from_environment(environment or {}, here, sources)
    sections: dict[str, Any] = {name: _section(name, part, values) for name, part in SECTIONS.items()}
    try:
        return Settings(**sections, functions=functions, mappings=mappings, credentials=credentials, sources=sources)
    except SettingsError as error:
        raise file.error(str(error)) from None


def entries(settings: Settings) -> Iterator[Entry]:
    """Give every value in force, with its source, in the order of `config/cdc.toml`."""
    parts: list[tuple[str, Checked]] = [(name, getattr(settings, name)) for name in SECTIONS]
    for array in ARRAYS:
        parts += [(f"{array}.{getattr(each, each.name_key)}", each) for each in getattr(settings, array)]
    for prefix, part in parts:
        for name, key in keys_of(type(part)).items():
            dotted, rule = f"{prefix}.{name}", rule_of(key)
            source, value = settings.sources.get(dotted, "default"), getattr(part, name)
            shown_value = HIDDEN if rule.secret and value is not None else value
            yield Entry(key=dotted, value=shown_value, source=source, unit=rule.unit)


def _document(config: Path, file: _Place) -> dict[str, Any]:
    try:
        with config.open("rb") as stream:
            data = stream.read(CONFIG_MAX_BYTES + 1)
    except OSError as error:
        raise file.error(f"can't be read: {error.strerror}; expected a TOML file") from None
    if len(data) > CONFIG_MAX_BYTES:
        raise file.error(f"is larger than {CONFIG_MAX_BYTES} bytes: expected a TOML file")
    try:
        return tomllib.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise file.error(f"is not text in UTF-8 (at line {line}): expected a TOML file") from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise file.error(f"is not valid TOML: {error}") from None


def _defaults(folder: Path) -> dict[str, object]:
    """Return the defaults of all sections; a path among them starts at `folder`."""
    values: dict[str, object] = {}
    for name, part in SECTIONS.items():
        blank = part()
        for key in keys_of(part):
            value = getattr(blank, key)
            values[f"{name}.{key}"] = folder.resolve() / value if isinstance(value, Path) else value
    return values


def _from_file(document: dict[str, Any], file: _Place) -> dict[str, tuple[object, str]]:
    values = {}
    for name, table in document.items():
        if name in ARRAYS:
            continue
        if name not in SECTIONS:
            raise file.error(f"{name} is no section: {_nearest_section(name)}")
        if not isinstance(table, dict):
            raise file.error(f"{name} = {shown(table)}: expected a section [{name}] with keys below it")
        for key, value in table.items():
            _refuse_unknown(key, SECTIONS[name], name, file)
            dotted = f"{name}.{key}"
            values[dotted] = (file.read(dotted, _RULES[dotted], value), file.source)
    return values


def _nearest_section(name: str) -> str:
    """Suggest a section for a name at the top of the file; a key that lost its section is found too."""
    homes = [f"{section}.{name}" for section, part in SECTIONS.items() if name in keys_of(part)]
    return f"did you mean {homes[0]}?" if homes else nearest(name, [*SECTIONS, *ARRAYS])


def _refuse_unknown(key: str, part: type[Checked], where: str, file: _Place) -> None:
    if key not in keys_of(part):
        raise file.error(f"{where}.{key} is no setting: {nearest(key, keys_of(part))}")


def _from_environment(environment: Mapping[str, str], folder: Path) -> dict[str, tuple[object, str]]:
    values = {}
    for variable in sorted(name for name in environment if name.startswith(PREFIX)):
        place = _Place(name=variable, source=variable, folder=folder)
        key = _VARIABLES.get(variable)
        if key is not None:
            rule = _RULES[key]
            values[key] = (place.read(key, rule, rule.from_text(environment[variable])), variable)
        elif variable not in _CREDENTIAL_VARIABLES and _is_slip(variable):
            raise place.error(f"is no setting: {nearest(variable, [*_VARIABLES, *_CREDENTIAL_VARIABLES])}")
    return values


def _credential_from_environment(
    environment: Mapping[str, str], folder: Path, sources: dict[str, str]
) -> tuple[CredentialSettings, ...]:
    given = {key: variable for variable, key in _CREDENTIAL_VARIABLES.items() if variable in environment}
    if not given:
        return ()
    variable = min(given.values())
    place = _Place(name=variable, source=variable, folder=folder)
    table: dict[str, Any] = {key: environment[variable] for key, variable in given.items()}
    values = _table(table, CredentialSettings, "credentials", place)
    where = f"credentials.{values['access_key_id']}"
    sources |= {f"{where}.{key}": given.get(key, "default") for key in keys_of(CredentialSettings)}
    return (CredentialSettings(**values),)


def _is_slip(variable: str) -> bool:
    """Tell whether a variable that is none of ours was meant to be: it names one of our sections, or nearly a setting."""
    ours = variable.startswith(tuple(f"{PREFIX}{name.upper()}_" for name in (*SECTIONS, "credentials")))
    return ours or bool(difflib.get_close_matches(variable, _VARIABLES, n=1, cutoff=VARIABLE_LIKENESS))


def _from_flags(flags: Mapping[str, object], folder: Path) -> dict[str, tuple[object, str]]:
    values = {}
    for key, value in flags.items():
        if value is None:
            continue
        rule = _RULES[key]
        flag = rule.flag or "--" + key.replace(".", "-").replace("_", "-")
        place = _Place(name=flag, source=flag, folder=folder)
        given = rule.from_text(value) if isinstance(value, str) else value
        values[key] = (place.read(key, rule, given), flag)
    return values


def _section(name: str, part: type[Checked], values: Mapping[str, tuple[object, str]]) -> Checked:
    return part(**{key: values[f"{name}.{key}"][0] for key in keys_of(part)})


def _array(
    document: dict[str, Any], name: str, part: type[_Section], file: _Place, sources: dict[str, str]
) -> tuple[_Section, ...]:
    """Read an array of tables, and note the sources of its values."""
    tables = document.get(name, [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise file.error(f"{name} = {shown(tables)}: expected tables [[{name}]] with keys below each")
    keyed, items = rule_of(keys_of(part)[part.name_key]), []
    for number, table in enumerate(tables, start=1):
        own = table.get(part.name_key)
        where = f"{name}.{own}" if keyed.accepts(own) else f"{name} #{number}"
        values = _table(table, part, where, file)
        try:
            items.append(part(**values))
        except SettingsError as error:
            raise file.error(f"{where}: {error}") from None
        sources |= {f"{where}.{key}": file.source if key in table else "default" for key in keys_of(part)}
    return tuple(items)


def _table(table: dict[str, Any], part: type[Checked], where: str, file: _Place) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key in table:
        _refuse_unknown(key, part, where, file)
    for key, each in keys_of(part).items():
        rule, dotted = rule_of(each), f"{where}.{key}"
        if key in table:
            values[key] = file.read(dotted, rule, table[key])
        elif rule.kind is Kind.PATH:
            values[key] = file.read(dotted, rule, each.default)
        elif each.default is MISSING and each.default_factory is MISSING:
            raise file.error(f"{dotted} is missing: expected {rule.right}")
    return values

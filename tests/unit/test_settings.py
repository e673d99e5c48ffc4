"""Settings: precedence, sources, refusals, and the configuration file that shows them all."""

from __future__ import annotations

import base64
import json
import re
import textwrap
from dataclasses import MISSING, FrozenInstanceError, replace
from pathlib import Path

import pytest

from cdc.settings import (
    DatabaseSettings,
    DestinationSettings,
    FunctionSettings,
    MappingSettings,
    RetentionSettings,
    ServerSettings,
    Settings,
    SettingsError,
    entries,
    load,
)
from cdc.settings.reading import CONFIG_MAX_BYTES
from cdc.settings.rules import rule_of
from cdc.settings.sections import ARRAYS, SECTIONS, keys_of

SHIPPED = Path(__file__).parents[2] / "config" / "cdc.toml"
FUNCTION = '[[functions]]\nname = "f"\nhandler = "m:f"\n'
MAPPING = '[[mappings]]\nname = "m"\ntable = "orders"\nfunction = "f"\nstarting_position = "LATEST"\n'


@pytest.fixture
def write(tmp_path: Path, monkeypatch):
    """Write a configuration in a folder that is not the current one."""
    (tmp_path / "here").mkdir()
    (tmp_path / "etc").mkdir()
    monkeypatch.chdir(tmp_path / "here")

    def write_config(text: str | bytes) -> Path:
        path = tmp_path / "etc" / "cdc.toml"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    return write_config


def sources(settings: Settings) -> dict[str, str]:
    return {entry.key: entry.source for entry in entries(settings)}


# Precedence and sources


def test_without_a_file_the_defaults_hold_and_the_database_is_in_the_current_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    settings = load()
    assert settings == Settings(database=DatabaseSettings(path=tmp_path / "cdc.db"))
    assert set(sources(settings).values()) == {"default"}


def test_environment_wins_over_the_file_and_flags_over_both(write):
    config = write('[server]\nhost = "0.0.0.0"\nport = 1\nregion = "eu-west-1"\n')
    environment = {"CDC_SERVER_PORT": "2", "CDC_SERVER_REGION": "eu-west-2"}
    settings = load(config, environment=environment, flags={"server.port": 3, "server.host": None})
    assert (settings.server.host, settings.server.port, settings.server.region) == ("0.0.0.0", 3, "eu-west-2")
    seen = sources(settings)
    assert seen["server.host"] == "cdc.toml"
    assert seen["server.port"] == "--port"
    assert seen["server.region"] == "CDC_SERVER_REGION"
    assert seen["server.account_id"] == "default"


def test_a_flag_without_a_short_name_is_called_by_its_key(write):
    settings = load(write(""), flags={"retention.purge_interval_seconds": "5"})
    assert settings.retention.purge_interval_seconds == 5
    assert sources(settings)["retention.purge_interval_seconds"] == "--retention-purge-interval-seconds"


def test_functions_and_mappings_know_the_source_of_each_value(write):
    settings = load(write(FUNCTION + MAPPING))
    seen = sources(settings)
    assert seen["functions.f.handler"] == "cdc.toml"
    assert seen["functions.f.timeout_seconds"] == "default"
    assert seen["mappings.m.table"] == "cdc.toml"
    assert seen["mappings.m.batch_size"] == "default"


def test_entries_give_every_key_once_with_its_unit(write):
    shown = list(entries(load(write(FUNCTION + MAPPING))))
    keys = [entry.key for entry in shown]
    expected = [f"{name}.{key}" for name, part in SECTIONS.items() for key in keys_of(part)]
    expected += [f"functions.f.{key}" for key in keys_of(FunctionSettings)]
    expected += [f"mappings.m.{key}" for key in keys_of(MappingSettings)]
    assert keys == expected
    assert {entry.key: entry.unit for entry in shown}["retention.hours"] == "hours"


@pytest.mark.parametrize(
    ("variable", "text", "key", "value"),
    [
        ("CDC_SERVER_ALLOWED_HOSTS", "one.test, two.test", "server.allowed_hosts", ("one.test", "two.test")),
        ("CDC_SERVER_ALLOWED_HOSTS", "", "server.allowed_hosts", ()),
        ("CDC_RETENTION_HOURS", "0.05", "retention.hours", 0.05),
        ("CDC_RETENTION_TABLES", "orders=72, audit=0.5", "retention.tables", {"orders": 72, "audit": 0.5}),
        ("CDC_STREAMS_SHARDS", "1", "streams.shards", 1),
        ("CDC_LOGGING_FORMAT", "json", "logging.format", "json"),
    ],
)
def test_every_kind_of_value_can_come_from_the_environment(write, variable, text, key, value):
    settings = load(write(""), environment={variable: text})
    assert {entry.key: entry.value for entry in entries(settings)}[key] == value


def test_filters_are_json_texts_or_tables(write):
    settings = load(write(FUNCTION + MAPPING + """filters = ['{"a": [null]}', {"ä" = {S = ["x", 1.5, true]}}]\n"""))
    assert settings.mappings[0].filters == ('{"a": [null]}', '{"ä": {"S": ["x", 1.5, true]}}')


def test_filters_may_be_tables_of_their_own(write):
    settings = load(write(FUNCTION + MAPPING + '[[mappings.filters]]\neventName = ["INSERT"]\n'))
    assert settings.mappings[0].filters == ('{"eventName": ["INSERT"]}',)


# Access keys

KEY = '[[credentials]]\naccess_key_id = "a"\nsecret_access_key = "very-secret"\n'
FROM_ENVIRONMENT = {"CDC_CREDENTIALS_ACCESS_KEY_ID": "b", "CDC_CREDENTIALS_SECRET_ACCESS_KEY": "also-secret"}


def test_access_keys_come_from_the_file_and_one_from_the_environment(write):
    config = write(KEY)
    assert [each.access_key_id for each in load(config).credentials] == ["a"]
    settings = load(config, environment=FROM_ENVIRONMENT | {"CDC_CREDENTIALS_SESSION_TOKEN": "token"})
    assert [(each.access_key_id, each.secret_access_key, each.session_token) for each in settings.credentials] == [
        ("a", "very-secret", None),
        ("b", "also-secret", "token"),
    ]
    assert sources(settings)["credentials.a.access_key_id"] == "cdc.toml"
    assert sources(settings)["credentials.b.session_token"] == "CDC_CREDENTIALS_SESSION_TOKEN"


def test_secrets_are_never_shown(write):
    settings = load(write(KEY), environment=FROM_ENVIRONMENT)
    shown = {entry.key: entry.value for entry in entries(settings)}
    assert shown["credentials.a.access_key_id"] == "a"
    assert shown["credentials.a.secret_access_key"] == "(hidden)"
    assert shown["credentials.a.session_token"] is None
    assert "secret" not in repr(settings.credentials).replace("secret_access_key", "")
    with pytest.raises(SettingsError) as caught:
        load(write(KEY.replace("very-secret", "very secret")))
    assert "very" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "environment", "message"),
    [
        (KEY + KEY, {}, 'cdc.toml: credentials: two have the access key id "a": expected access key ids that differ'),
        (KEY.replace('"a"', '""'), {}, 'cdc.toml: credentials #1.access_key_id = "": expected 1 to 128 letters'),
        (
            "",
            {"CDC_CREDENTIALS_SECRET_ACCESS_KEY": "x"},
            "KEY: credentials.access_key_id is missing: expected 1 to 128",
        ),
        ("", {"CDC_CREDENTIALS_ACCESS_KEY": "x"}, "is no setting: did you mean CDC_CREDENTIALS_ACCESS_KEY_ID?"),
        (KEY.replace('"a"', '"b"'), FROM_ENVIRONMENT, "two have the access key id"),
    ],
)
def test_a_wrong_access_key_is_refused(write, text, environment, message):
    with pytest.raises(SettingsError) as caught:
        load(write(text), environment=environment)
    assert message in str(caught.value)


# Paths


def test_paths_of_the_file_start_at_its_folder(write):
    config = write('[database]\npath = "../data/x.db"\n' + FUNCTION + 'working_directory = "handlers"\n')
    settings = load(config)
    assert settings.database.path == config.parents[1] / "data" / "x.db"
    assert settings.functions[0].working_directory == config.parent / "handlers"


def test_paths_that_the_file_leaves_out_are_in_its_folder(write):
    config = write(FUNCTION)
    settings = load(config)
    assert settings.database.path == config.parent / "cdc.db"
    assert settings.functions[0].working_directory == config.parent


def test_a_database_named_by_environment_or_flag_starts_at_the_current_folder(write):
    config = write('[database]\npath = "x.db"\n')
    assert load(config, environment={"CDC_DATABASE_PATH": "y.db"}).database.path == Path.cwd() / "y.db"
    settings = load(config, flags={"database.path": Path("z.db")})
    assert settings.database.path == Path.cwd() / "z.db"
    assert sources(settings)["database.path"] == "--database"


def test_a_relative_config_gives_absolute_paths(write, monkeypatch):
    config = write("")
    monkeypatch.chdir(config.parent)
    assert load(Path("cdc.toml")).database.path == config.parent / "cdc.db"


def test_a_tilde_is_the_home_folder(write, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert load(write('[database]\npath = "~/x.db"\n')).database.path == tmp_path / "x.db"


# Destinations


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("file:failed.jsonl", "file:{folder}/failed.jsonl"),
        ("file:/var/failed.jsonl", "file:/var/failed.jsonl"),
        ("https://example.com/failed", "https://example.com/failed"),
        ("arn:aws:s3:::failed", "arn:aws:s3:::failed"),
    ],
)
def test_a_destination_is_kept_whole_with_the_path_of_a_file_from_the_folder_of_the_configuration(write, given, kept):
    config = write(FUNCTION + MAPPING + f'on_failure = "{given}"\n')
    [mapping] = load(config).mappings
    assert mapping.on_failure == kept.format(folder=config.parent.resolve())


@pytest.mark.parametrize("size", [24, 25, 26, 32, 62, 63, 64])
@pytest.mark.parametrize("prefix", ["whsec_", ""])
def test_a_webhook_secret_is_the_bytes_that_its_base64_stands_for(size, prefix):
    key = bytes(range(size))
    settings = DestinationSettings(webhook_secret=prefix + base64.b64encode(key).decode())
    assert settings.webhook_key == key
    assert DestinationSettings().webhook_key is None


@pytest.mark.parametrize("size", [0, 1, 23, 65, 66, 67, 100])
def test_a_webhook_secret_of_another_size_is_refused_without_showing_it(size):
    secret = base64.b64encode(bytes(range(size))).decode()
    with pytest.raises(SettingsError) as caught:
        DestinationSettings(webhook_secret=secret)
    assert str(caught.value).startswith("webhook_secret = (hidden): expected 24 to 64 bytes in base64")


def test_a_secret_is_shown_nowhere(write):
    secret = base64.b64encode(bytes(32)).decode()
    settings = load(write(""), environment={"CDC_DESTINATIONS_WEBHOOK_SECRET": secret})
    [entry] = [each for each in entries(settings) if each.key == "destinations.webhook_secret"]
    assert (entry.value, entry.source) == ("(hidden)", "CDC_DESTINATIONS_WEBHOOK_SECRET")
    assert secret not in repr(settings)
    assert settings.destinations.webhook_key == bytes(32)
    [unset] = [each for each in entries(load(write(""))) if each.key == "destinations.webhook_secret"]
    assert unset.value is None
    with pytest.raises(SettingsError) as caught:
        load(write(""), environment={"CDC_DESTINATIONS_WEBHOOK_SECRET": secret[:-5]})
    assert secret[:20] not in str(caught.value)


# Refusals


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[server]\nport = 70000\n", "server.port = 70000: expected a whole number from 0 to 65535"),
        ("[server]\nport = -1\n", "server.port = -1: expected a whole number from 0 to 65535"),
        ('[server]\nport = "80"\n', 'server.port = "80": expected a whole number from 0 to 65535'),
        ("[server]\nport = true\n", "server.port = true: expected a whole number from 0 to 65535"),
        ("[server]\nport = 8000.0\n", "server.port = 8000.0: expected a whole number from 0 to 65535"),
        (
            "[server]\ndrain_seconds = 901\n",
            "server.drain_seconds = 901: expected a whole number of seconds from 0 to 900",
        ),
        ("[server]\nprot = 1\n", "server.prot is no setting: did you mean port?"),
        ('[server]\nhost = ""\n', 'server.host = "": expected an address or a host name'),
        ('[server]\nallowed_origins = ["x"]\n', 'server.allowed_origins = ["x"]: expected a list of origins such as'),
        ("[server]\nallowed_hosts = [1]\n", "server.allowed_hosts = [1]: expected a list of host names"),
        ("[server]\naccount_id = 123456789012\n", "server.account_id = 123456789012: expected a text of 12 digits"),
        ("[sever]\nport = 1\n", "sever is no section: did you mean server?"),
        ("port = 1\n", "port is no section: did you mean server.port?"),
        (
            "zzz = 1\n",
            "zzz is no section: known: credentials, database, destinations, functions, logging, mappings, retention",
        ),
        ("server = 1\n", "server = 1: expected a section [server]"),
        ("[retention]\nhours = 0\n", "retention.hours = 0: expected a number of hours from 0.001 to 876000"),
        ("[retention]\nhours = nan\n", "retention.hours = NaN: expected a number of hours"),
        ("[retention]\nhours = inf\n", "retention.hours = Infinity: expected a number of hours"),
        ("[retention.tables]\norders = -1\n", 'retention.tables = {"orders": -1}: expected a table of table names'),
        ('[retention.tables]\n"a b c" = 1\n', 'retention.tables = {"a b c": 1}: expected a table of table names'),
        ("[streams]\nshards = 0\n", "streams.shards = 0: expected a whole number of shards from 1 to 256"),
        ('[logging]\nlevel = "loud"\n', 'logging.level = "loud": expected one of "debug", "info", "warning", "error"'),
        ('[database]\npath = ":memory:"\n', 'database.path = ":memory:": expected the path of a file'),
        ('[database]\npath = "sqlite:///x"\n', 'database.path = "sqlite:///x": expected the path of a file'),
        ('[database]\npath = ""\n', 'database.path = "": expected the path of a file'),
        ('[database]\npath = "~no-such-user/x"\n', 'database.path = "~no-such-user/x": expected a path that leads'),
        ("[functions]\n", "functions = {}: expected tables [[functions]] with keys below each"),
        ("[[functions]]\n", "functions #1.name is missing: expected 1 to 64 letters, digits, - and _"),
        ('[[functions]]\nname = "a\\nb"\n', 'functions #1.name = "a\\nb": expected 1 to 64 letters'),
        (
            '[[functions]]\nname = "f"\n',
            'functions.f: expected one of handler = "module:callable", command = ["program"',
        ),
        (FUNCTION + 'command = ["sh"]\n', 'functions.f: expected one of handler = "module:callable", command'),
        (FUNCTION + 'runtime = ["x"]\ncommand = ["sh"]\n', "functions.f: expected one of handler"),
        (
            '[[functions]]\nname = "f"\nhandler = "m.f"\n',
            'functions.f: handler = "m.f": expected a text "module:callable"',
        ),
        (
            '[[functions]]\nname = "f"\nhandler = "m f"\n',
            'functions.f.handler = "m f": expected a text "module:callable"',
        ),
        ('[[functions]]\nname = "f"\nruntime = []\n', "functions.f: runtime = []: expected a program, such as"),
        (
            FUNCTION + "memory_size = 64\n",
            "functions.f.memory_size = 64: expected a whole number of MB from 128 to 10240",
        ),
        (
            FUNCTION + "reserved_concurrency = -1\n",
            "functions.f.reserved_concurrency = -1: expected a whole number of inst",
        ),
        (
            FUNCTION + "in_process = true\nreload_on_change = true\n",
            "functions.f: reload_on_change = true: expected in_process = false",
        ),
        (
            '[[functions]]\nname = "f"\ncommand = ["x"]\nreload_on_change = true\n',
            "functions.f: reload_on_change = true: a command is started anew for each batch without it",
        ),
        ('[[functions]]\nname = "f"\ncommand = []\n', "functions.f: command = []: expected a program"),
        ('[[functions]]\nname = "f"\ncommand = "sh x"\n', 'functions.f.command = "sh x": expected a list of texts'),
        (
            '[[functions]]\nname = "f"\ncommand = ["x"]\nin_process = true\n',
            "functions.f: in_process = true: expected a handler",
        ),
        (
            FUNCTION + "timeout_seconds = 0\n",
            "functions.f.timeout_seconds = 0: expected a whole number of seconds from 1 to",
        ),
        (FUNCTION + "timeout = 9\n", "functions.f.timeout is no setting: did you mean timeout_seconds?"),
        (FUNCTION + "environment = { A = 1 }\n", 'functions.f.environment = {"A": 1}: expected a table of texts'),
        (
            FUNCTION + 'environment = { "A=" = "1" }\n',
            'functions.f.environment = {"A=": "1"}: expected a table of texts',
        ),
        (FUNCTION + FUNCTION, 'functions: two have the name "f": expected names that differ'),
        (FUNCTION + MAPPING + MAPPING, 'mappings: two have the name "m": expected names that differ'),
        (MAPPING, 'mappings.m.function = "f": no such function; there is none'),
        (
            MAPPING + FUNCTION.replace('"f"', '"totals"', 1),
            'mappings.m.function = "f": no such function; known: totals',
        ),
        (MAPPING.replace('"f"', '"total"') + FUNCTION.replace('"f"', '"totals"', 1), "did you mean totals?"),
        (
            FUNCTION + MAPPING.replace("starting_position", "position"),
            "mappings.m.position is no setting: did you mean",
        ),
        (
            FUNCTION + MAPPING.split("starting", maxsplit=1)[0],
            'mappings.m.starting_position is missing: expected one of "TRIM_HORIZON", ',
        ),
        (
            FUNCTION + MAPPING.replace("LATEST", "latest"),
            'mappings.m.starting_position = "latest": expected one of "TRIM_',
        ),
        (
            FUNCTION + MAPPING + "batch_size = 10001\n",
            "mappings.m.batch_size = 10001: expected a whole number of records",
        ),
        (
            FUNCTION + MAPPING + 'on_failure = "failed.jsonl"\n',
            'mappings.m.on_failure = "failed.jsonl": expected the ARN of an SQS queue, an SNS topic or an S3 bucket',
        ),
        (
            FUNCTION + MAPPING + 'on_failure = "arn:aws:sqs:us-east-1:123456789012:q.fifo"\n',
            'mappings.m.on_failure = "arn:aws:sqs:us-east-1:123456789012:q.fifo": is a FIFO queue: Lambda sends',
        ),
        (FUNCTION + MAPPING + "on_failure = 1\n", "mappings.m.on_failure = 1: expected the ARN of an SQS queue"),
        (
            '[destinations]\nendpoint_url = "localhost:5000"\n',
            'destinations.endpoint_url = "localhost:5000": expected a URL without a path, such as "http://localhost:5000"',
        ),
        ("[destinations]\nretry_hours = 0\n", "destinations.retry_hours = 0: expected a number of hours from 0.001"),
        (
            '[destinations]\nwebhook_secret = "too short, but still a secret"\n',
            "destinations.webhook_secret = (hidden): expected 24 to 64 bytes in base64",
        ),
        (FUNCTION + MAPPING.replace("orders", "or"), 'mappings.m.table = "or": expected the name of a table'),
        *(
            (
                FUNCTION + MAPPING + f"filters = {text}\n",
                f"mappings.m.filters = {shown}: expected a list of at most 10 pat",
            )
            for text, shown in [
                ('"x"', '"x"'),
                ("{}", "{}"),
                ("[1]", "[1]"),
                ("[{a = [2026-01-01]}]", '[{"a": ["2026-01-01"]}]'),
                ("[{a = [inf]}]", '[{"a": [Infinity]}]'),
            ]
        ),
        ("[server]\nport = \n", "is not valid TOML: Invalid value (at line 2, column 8)"),
        ("[server]\nport = 1\nport = 2\n", "is not valid TOML: Cannot overwrite a value (at line 3, column 9)"),
        ("x = " + "[" * 100_000, "is not valid TOML: "),
        (b"[server]\nhost = '\xff'\n", "is not text in UTF-8 (at line 2)"),
        (b"#" * (CONFIG_MAX_BYTES + 1), f"is larger than {CONFIG_MAX_BYTES} bytes"),
        ('["a\\nb"]\n', "a\\nb is no section"),
    ],
)
def test_a_wrong_file_is_refused_in_one_line_with_file_key_and_what_is_right(write, text, message):
    config = write(text)
    with pytest.raises(SettingsError) as caught:
        load(config)
    said = str(caught.value)
    assert said.startswith(f"{config}: {message}") or (message.startswith("did you") and message in said)
    assert "\n" not in said
    assert len(said) < len(str(config)) + 250


@pytest.mark.parametrize(
    ("variable", "text", "message"),
    [
        ("CDC_SERVER_PORT", "http", 'server.port = "http": expected a whole number from 0 to 65535'),
        ("CDC_SERVER_PORT", "", 'server.port = "": expected a whole number from 0 to 65535'),
        ("CDC_SERVER_PORT", "9" * 5000, 'server.port = "999'),
        ("CDC_RETENTION_HOURS", "nan", 'retention.hours = "nan": expected a number of hours'),
        ("CDC_RETENTION_TABLES", "orders", 'retention.tables = {"orders": ""}: expected a table of table names'),
        ("CDC_SERVER_PROT", "1", "is no setting: did you mean CDC_SERVER_PORT?"),
        ("CDC_SERVR_PORT", "1", "is no setting: did you mean CDC_SERVER_PORT?"),
        ("CDC_DATABASE_PATH", "", 'database.path = "": expected the path of a file'),
    ],
)
def test_a_wrong_variable_is_refused_by_its_name(write, variable, text, message):
    with pytest.raises(SettingsError) as caught:
        load(write(""), environment={variable: text})
    assert str(caught.value).startswith(f"{variable}: {message}")


def test_variables_of_other_programs_are_left_alone(write):
    assert load(write(""), environment={"CDC_KAFKA_TOPIC": "x", "PATH": "/bin", "CDC_CONFIG": "x"}) == load(write(""))


def test_a_wrong_flag_is_refused_by_its_name(write):
    with pytest.raises(SettingsError, match=r"^--port: server.port = 65536: expected a whole number from 0 to 65535$"):
        load(write(""), flags={"server.port": 65536})


def test_a_wrong_value_is_refused_even_when_another_one_overrides_it(write):
    with pytest.raises(SettingsError, match=r"cdc\.toml: server\.port"):
        load(write("[server]\nport = 70000\n"), flags={"server.port": 1})


@pytest.mark.parametrize("name", ["missing.toml", "."])
def test_an_unreadable_file_is_named(tmp_path, name):
    config = tmp_path / name
    with pytest.raises(SettingsError, match=r"can't be read: (No such file|Is a directory)") as caught:
        load(config)
    assert str(caught.value).startswith(f"{config}: ")


def test_a_byte_order_mark_is_no_error(write):
    assert load(write("\ufeff[server]\nport = 1\n")).server.port == 1


def test_wrong_settings_cannot_be_built_in_code_either():
    with pytest.raises(SettingsError, match="port = 65536: expected a whole number from 0 to 65535"):
        ServerSettings(port=65536)
    with pytest.raises(SettingsError, match="hours = 0: expected a number of hours"):
        RetentionSettings(hours=0)
    with pytest.raises(SettingsError, match="expected one of handler"):
        FunctionSettings(name="f")
    with pytest.raises(SettingsError, match="no such function"):
        Settings(mappings=(MappingSettings(name="m", table="orders", function="f", starting_position="LATEST"),))


def test_settings_are_frozen_and_can_be_replaced():
    settings = Settings()
    with pytest.raises(FrozenInstanceError):
        settings.server = ServerSettings(port=1)  # type: ignore[misc]  # that is the point
    assert replace(settings, server=ServerSettings(port=1)).server.port == 1


# The configuration file that is shipped


def toml(value: object) -> str:
    return '"' + str(value) + '"' if isinstance(value, Path) else json.dumps(value)


def default_of(key):
    return key.default_factory() if key.default_factory is not MISSING else key.default


def explanation(key) -> str:
    """Build the comment that `config/cdc.toml` has above a key: what for and why, then unit, bound and default."""
    rule, default = rule_of(key), default_of(key)
    fallback = (
        "required" if default is MISSING else "unset by default" if default is None else f"default {toml(default)}"
    )
    right = rule.right[0].upper() + rule.right[1:]
    lines = textwrap.wrap(rule.help, 110) + textwrap.wrap(f"{right}; {fallback}.", 110)
    return "".join(f"# {line}\n" for line in lines)


def shown_keys(text: str, header: str) -> str:
    """Return the part of a configuration below its headers `header`, up to the next other one."""
    parts = re.split(r"^#?(\[+[a-z0-9]+\]+)\n", text, flags=re.MULTILINE)
    return "".join(body for name, body in zip(parts[1::2], parts[2::2], strict=True) if name == header)


def all_keys():
    for name, part in SECTIONS.items():
        yield from ((f"[{name}]", key) for key in keys_of(part).values())
    for name, part in ARRAYS.items():
        yield from ((f"[[{name}]]", key) for key in keys_of(part).values())


@pytest.mark.parametrize(
    ("header", "key"), [pytest.param(*each, id=f"{each[0]} {each[1].name}") for each in all_keys()]
)
def test_the_shipped_file_shows_each_key_with_unit_bound_default_and_reason(header, key):
    body = shown_keys(SHIPPED.read_text(), header)
    assert re.search(rf"^{re.escape(explanation(key))}#?{key.name} = ", body, re.MULTILINE), explanation(key)


def test_the_shipped_file_shows_the_defaults_of_the_code(tmp_path):
    # A runtime is instead of the command that it stands below.
    text = re.sub(r"^#(?=(?!runtime)[a-z_]+ = |\[\[)", "", SHIPPED.read_text(), flags=re.MULTILINE)
    config = tmp_path / "config" / "cdc.toml"
    config.parent.mkdir()
    config.write_text(text)
    settings = load(config)
    commented = set(re.findall(r"^#([a-z_]+) = ", SHIPPED.read_text(), re.MULTILINE))
    parts = [getattr(settings, name) for name in SECTIONS] + [getattr(settings, name)[0] for name in ARRAYS]
    checked = set()
    for part in parts:
        for name, key in keys_of(type(part)).items():
            if name in commented and default_of(key) is not None and default_of(key) is not MISSING:
                assert getattr(part, name) == default_of(key), name
                checked.add(name)
    unset = {"shards", "reserved_concurrency", "runtime", "folder", "endpoint_url", "webhook_secret", "on_failure"}
    assert checked == commented - unset - {"access_key_id", "secret_access_key", "session_token"}


def test_the_shipped_file_as_it_is_declares_handlers_that_exist():
    settings = load(SHIPPED)
    root = SHIPPED.parents[1]
    assert settings.database.path == root / "cdc.db"
    python, shell = settings.functions
    assert python.handler is not None
    assert shell.command is not None
    assert "def audit(event" in (python.working_directory / f"{python.handler.partition(':')[0]}.py").read_text()
    assert (shell.working_directory / shell.command[-1]).is_file()
    assert {mapping.table for mapping in settings.mappings} == {"orders"}

from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("--no-api", "--no-poll"), "--no-api and --no-poll together leave nothing to do."),
        (("--port", "x"), '--port: server.port = "x": expected a whole number from 0 to 65535'),
        (("--port", "65536"), "--port: server.port = 65536: expected"),
        (("--host", "a b"), '--host: server.host = "a b": expected an address or a host name'),
        (("--config", "no.toml"), "no.toml: can't be read: No such file or directory; expected a TOML file"),
        (("--database", ":memory:"), '--database: database.path = ":memory:": expected the path of a file'),
    ],
)
def test_wrong_options_are_exit_code_2_before_anything_starts(cli, folder, arguments, text):
    result = cli("serve", *arguments)
    assert result.exit_code == 2
    assert result.stderr.startswith(f"cdc: {text}")
    assert list(folder.iterdir()) == []

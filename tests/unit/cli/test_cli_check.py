from __future__ import annotations

from cdc.store.sqlite import dbapi2


def break_items(path):
    """Change payloads behind the program's back, as a disk might."""
    connection = dbapi2.connect(str(path), isolation_level=None)
    connection.execute("UPDATE items SET item = CAST(replace(CAST(item AS TEXT), 'x', 'y') AS BLOB)")
    connection.close()


def test_a_sound_file_is_counted(cli, orders):
    cli("put", orders, '{"id": "1"}')
    result = cli("check")
    assert (result.exit_code, result.stderr) == (0, "")
    assert "no violation in 1 table, 1 item, 1 stream, 4 shards, 0 mappings and 0 checkpoints" in result.stdout


def test_a_violation_is_exit_code_1_and_one_line_and_all_of_them_on_demand(cli, orders, folder):
    for number in range(3):
        cli("put", orders, f'{{"id": "{number}", "v": "x"}}')
    break_items(folder / "cdc.db")
    first, every = cli("check"), cli("check", "cdc.db", "--all")
    assert (first.exit_code, every.exit_code) == (1, 1)
    assert len(first.stdout.splitlines()) == 1
    assert len(every.stdout.splitlines()) >= 3
    assert every.stdout.startswith(first.stdout)


def test_a_missing_file_is_exit_code_3(cli, folder):
    result = cli("check", "no.db")
    assert result.exit_code == 3
    assert f"there is no database {folder / 'no.db'}" in result.stderr

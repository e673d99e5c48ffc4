"""PartiQL as an unmodified boto3 client uses it: parameters, modelled errors, tokens and batches."""

from __future__ import annotations

import pytest

from tests.integration.tables import create


@pytest.fixture(scope="module")
def table(wire):
    return create(wire, "pk:S sk:N")


def test_statements_run_with_parameters_of_any_type(client, table):
    values = [{"S": "a"}, {"N": "1"}, {"B": b"\x00\xff"}, {"L": [{"BOOL": True}]}]
    client.execute_statement(
        Statement=f"INSERT INTO \"{table}\" VALUE {{'pk': ?, 'sk': ?, 'b': ?, 'l': ?}}", Parameters=values
    )
    found = client.execute_statement(Statement=f'SELECT b, l FROM "{table}" WHERE pk = ?', Parameters=values[:1])
    assert found["Items"] == [{"b": {"B": b"\x00\xff"}, "l": {"L": [{"BOOL": True}]}}]


def test_refusals_are_exceptions_of_the_client(client, table):
    statement = f"INSERT INTO \"{table}\" VALUE {{'pk': 'twice', 'sk': 1}}"
    client.execute_statement(Statement=statement)
    with pytest.raises(client.exceptions.DuplicateItemException):
        client.execute_statement(Statement=statement)
    with pytest.raises(client.exceptions.ConditionalCheckFailedException):
        client.execute_statement(Statement=f"UPDATE \"{table}\" SET v = 1 WHERE pk = 'nobody' AND sk = 1")
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.execute_statement(Statement='SELECT * FROM "nowhere"')


def test_a_client_reads_on_with_the_token_it_was_given(client, table):
    for number in range(5):
        client.execute_statement(Statement=f"INSERT INTO \"{table}\" VALUE {{'pk': 'pages', 'sk': {number}}}")
    request = {"Statement": f"SELECT sk FROM \"{table}\" WHERE pk = 'pages' ORDER BY sk DESC", "Limit": 2}
    found = []
    while True:
        page = client.execute_statement(**request)
        found += [item["sk"]["N"] for item in page["Items"]]
        if "NextToken" not in page:
            break
        request["NextToken"] = page["NextToken"]
    assert found == ["4", "3", "2", "1", "0"]


def test_a_batch_answers_for_each_statement(client, table):
    statements = [{"Statement": f"DELETE FROM \"{table}\" WHERE pk = 'b' AND sk = {n}"} for n in range(2)]
    responses = client.batch_execute_statement(Statements=[*statements, {"Statement": "x"}])["Responses"]
    assert [response.get("TableName") for response in responses] == [table, table, None]
    assert responses[2]["Error"]["Code"] == "ValidationError"

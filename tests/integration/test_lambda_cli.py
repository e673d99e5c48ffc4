"""The AWS command line against a real daemon: a function from a zip, a mapping, an invocation."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.test_lambda_api import APP, CONFIG, ROLE, Cloud
from tests.unit.lambda_api.zips import zip_of

AWS = Path(sys.executable).with_name("aws")


@pytest.fixture
def cloud(tmp_path):
    if not AWS.exists():
        pytest.skip("the AWS command line is not installed")
    cloud = Cloud(tmp_path, CONFIG)
    yield cloud
    cloud.daemon.stop()


@pytest.fixture
def aws(cloud, tmp_path):
    """Run a command of `aws lambda`; return what it prints, or the text of its error."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")} | {
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_PAGER": "",
        "HOME": str(tmp_path),
    }

    def aws(*arguments, fails=False):
        command = [sys.executable, str(AWS), "lambda", "--endpoint-url", cloud.daemon.url, *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
        assert (done.returncode != 0) == fails, done.stderr
        if fails:
            return done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else None

    return aws


def test_the_command_line_makes_a_function_and_a_mapping_changes_lists_and_invokes_them(cloud, aws, tmp_path):
    (tmp_path / "app.zip").write_bytes(zip_of({"app.py": APP}))
    created = aws(
        *("create-function", "--function-name", "f", "--runtime", "python3.12", "--role", ROLE),
        *("--handler", "app.handler", "--zip-file", f"fileb://{tmp_path}/app.zip", "--timeout", "20"),
        *("--environment", f"Variables={{OUT={cloud.out}}}"),
    )
    assert created["FunctionName"] == "f"
    aws("wait", "function-active", "--function-name", "f")
    listed = aws("list-functions")["Functions"]
    assert [each["FunctionName"] for each in listed] == ["declared", "f"]
    arn = cloud.create_table()
    mapping = aws(
        *("create-event-source-mapping", "--function-name", "f", "--event-source-arn", arn),
        *("--starting-position", "TRIM_HORIZON", "--batch-size", "5"),
        *("--filter-criteria", '{"Filters":[{"Pattern":"{\\"eventName\\":[\\"INSERT\\"]}"}]}'),
    )
    uuid = mapping["UUID"]
    assert (mapping["State"], mapping["BatchSize"]) == ("Creating", 5)
    cloud.put("by-hand")
    cloud.handled("by-hand")
    assert aws("update-event-source-mapping", "--uuid", uuid, "--no-enabled")["State"] == "Disabling"
    found = aws("list-event-source-mappings", "--function-name", "f")["EventSourceMappings"]
    assert [(each["UUID"], each["State"]) for each in found] == [(uuid, "Disabled")]
    answer = tmp_path / "answer.json"
    said = aws("invoke", "--function-name", "f", "--payload", "{}", "--log-type", "Tail", str(answer))
    assert said["StatusCode"] == 200
    assert json.loads(answer.read_text())["name"] == "f"
    (tmp_path / "app.zip").write_bytes(zip_of({"app.py": "def handler(event, context): return 2"}))
    aws("update-function-code", "--function-name", "f", "--zip-file", f"fileb://{tmp_path}/app.zip")
    aws("wait", "function-updated", "--function-name", "f")
    aws("invoke", "--function-name", "f", str(answer))
    assert answer.read_text() == "2"
    assert aws("delete-event-source-mapping", "--uuid", uuid)["State"] == "Deleting"
    aws("delete-function", "--function-name", "f")
    error = aws("get-function", "--function-name", "f", fails=True)
    assert "(ResourceNotFoundException)" in error
    assert "Function not found: arn:aws:lambda:us-east-1:000000000000:function:f" in error

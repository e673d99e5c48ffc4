"""Buckets that are folders: whole files, listings by prefix, and nothing outside of them."""

from __future__ import annotations

from dataclasses import replace
from hashlib import md5

import pytest

from cdc.model.errors import ValidationException
from cdc.model.options import Options
from cdc.tables.buckets import BucketError, FolderBuckets, Listed, check_place, open_buckets


@pytest.fixture
def buckets(tmp_path):
    return FolderBuckets(tmp_path / "buckets")


def test_what_is_put_is_got_and_listed_in_order(buckets):
    tag = buckets.put("one", "a/b/c.json", b"123", {})
    assert tag == f"{md5(b'123', usedforsecurity=False).hexdigest()}-1"
    buckets.put("one", "a/b/c.json", b"1234", {})
    buckets.put("one", "a/x", b"", {})
    buckets.put("two", "a/y", b"", {})
    assert buckets.get("one", "a/b/c.json") == b"1234"
    assert buckets.list("one", "") == [Listed("a/b/c.json", 4), Listed("a/x", 0)]
    assert buckets.list("one", "a/b") == [Listed("a/b/c.json", 4)]
    assert buckets.list("one", "a/b/c.json/d") == []
    assert not list(buckets.root.rglob("*.partial"))


@pytest.mark.parametrize(("bucket", "key"), [("..", "x"), ("one", "../x"), ("one", "a/../../../x"), ("one", "a/./x")])
def test_nothing_is_reached_outside_of_them(buckets, bucket, key):
    for call in (lambda: buckets.put(bucket, key, b"", {}), lambda: buckets.get(bucket, key)):
        with pytest.raises(BucketError) as caught:
            call()
        assert caught.value.code == "InvalidKey"


def test_what_can_not_be_read_or_written_is_said(buckets):
    with pytest.raises(BucketError, match="The specified bucket does not exist") as caught:
        buckets.list("missing", "")
    assert caught.value.code == "S3NoSuchBucket"
    buckets.put("one", "file", b"", {})
    with pytest.raises(BucketError, match="can't be read"):
        buckets.get("one", "missing")
    with pytest.raises(BucketError, match="can't be written"):
        buckets.put("one", "file/below", b"", {})


def test_without_a_place_exports_and_imports_are_refused_with_a_hint(tmp_path):
    with pytest.raises(ValidationException, match=r"set s3\.folder"):
        check_place(Options())
    with pytest.raises(BucketError, match=r"set s3\.folder"):
        open_buckets(Options())
    options = replace(Options(), bucket_folder=tmp_path)
    check_place(options)
    assert open_buckets(options) == FolderBuckets(tmp_path)


def test_a_server_that_is_not_there_is_said(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    monkeypatch.setenv("AWS_RETRY_MODE", "standard")
    server = open_buckets(Options(s3_endpoint_url="http://127.0.0.1:1", bucket_folder=None))
    with pytest.raises(BucketError, match="Could not connect"):
        server.list("bucket", "")

"""Tags: adding, taking away, listing in pages, and the words of refusals."""

from __future__ import annotations

import pytest

from cdc.model.errors import AccessDeniedException, ResourceNotFoundException, ServiceError, ValidationException
from cdc.store.reading import Write
from cdc.tables.definitions import create_table
from cdc.tables.tags import list_tags_of_resource, tag_resource, untag_resource

ARN = "arn:aws:dynamodb:eu-west-1:123456789012:table/flights"
OOMPV = "One or more parameter values were invalid: "
KEYS = {
    "TableName": "flights",
    "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
    "BillingMode": "PAY_PER_REQUEST",
}


def tags_of(**tags):
    return [{"Key": key, "Value": value} for key, value in tags.items()]


@pytest.fixture
def create(running):
    return lambda **request: running.run(create_table, **KEYS, **request)


@pytest.fixture
def tag(running):
    """Run an operation that answers with an empty body."""

    def tag(operation, **request):
        work = operation({"ResourceArn": ARN, **request}, running.options)
        assert isinstance(work, Write)
        assert running.writer.call(work.run) == b""

    return tag


@pytest.fixture
def listed(running):
    return lambda **request: running.run(list_tags_of_resource, ResourceArn=ARN, **request)


def test_tags_come_with_the_table_and_change_one_by_one(create, tag, listed):
    create(Tags=tags_of(team="a", stage="test"))
    assert listed() == {"Tags": tags_of(stage="test", team="a")}
    tag(tag_resource, Tags=tags_of(team="b", cost=""))
    assert listed() == {"Tags": tags_of(cost="", stage="test", team="b")}
    tag(untag_resource, TagKeys=["team", "unknown"])
    assert listed() == {"Tags": tags_of(cost="", stage="test")}
    tag(untag_resource, TagKeys=["cost", "stage"])
    assert listed() == {"Tags": []}


def test_a_listing_has_ten_on_a_page(create, tag, listed):
    create()
    tags = tags_of(**{f"k{number:02}": "v" for number in range(23)})
    tag(tag_resource, Tags=tags)
    found, page = [], listed()
    while "NextToken" in page:
        assert len(page["Tags"]) == 10
        found += page["Tags"]
        page = listed(NextToken=page["NextToken"])
    assert found + page["Tags"] == tags
    with pytest.raises(ValidationException, match=r"^Invalid NextToken$"):
        listed(NextToken="ä")


def test_a_table_has_fifty_at_most(create, tag):
    create(Tags=tags_of(**{f"k{number}": "v" for number in range(50)}))
    tag(tag_resource, Tags=tags_of(k1="another value"))
    with pytest.raises(ValidationException, match="Too many tags: a table has 50 at most, not 51"):
        tag(tag_resource, Tags=tags_of(one="more"))


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        (tags_of(**{"aws:x": "v"}), f"{OOMPV}Tag keys starting with 'aws:' are reserved for system use: aws:x"),
        (tags_of(a="1") + tags_of(a="2"), f"{OOMPV}Duplicate tag key found in the request: a"),
        (tags_of(**{"a*": "v"}), "which 'a*' has others than"),
        (tags_of(a="v;"), "which 'v;' has others than"),
        (tags_of(**{"": "v"}), "Value '' at 'tags.1.member.key' failed to satisfy constraint: Member must have length"),
        ([{"Key": "k"}], "Value null at 'tags.1.member.value'"),
        ([], "Atleast one Tag needs to be provided as Input."),
    ],
)
def test_a_wrong_tag_is_refused_when_the_table_is_made_and_later(create, tag, tags, message):
    if tags:
        with pytest.raises(ValidationException) as caught:
            create(Tags=tags)
        assert message in caught.value.message
    create()
    with pytest.raises(ValidationException) as caught:
        tag(tag_resource, Tags=tags)
    assert message in caught.value.message


NOT_ALLOWED = "User: arn:aws:iam::123456789012:root is not authorized to perform: dynamodb:{} on resource: {}"
OTHER = ARN.replace("123456789012", "999999999999")


@pytest.mark.parametrize(
    ("operation", "request_"),
    [(tag_resource, {"Tags": tags_of(a="b")}), (untag_resource, {"TagKeys": ["a"]}), (list_tags_of_resource, {})],
)
def test_a_resource_that_is_no_table_of_the_account_is_refused(running, operation, request_):
    def refusal(arn, **changed):
        with pytest.raises(ServiceError) as caught:
            running.run(operation, ResourceArn=arn, **request_ | changed)
        return type(caught.value), caught.value.message

    for wrong in ("not-a-valid-arn", f"{ARN}/index/i", f"{ARN}/stream/2015-05-11T21:21:33.291", "flights"):
        expected = f"Invalid TableArn: Invalid ResourceArn provided as input {wrong}"
        assert refusal(wrong) == (ValidationException, expected)
    name = {tag_resource: "TagResource", untag_resource: "UntagResource"}.get(operation, "ListTagsOfResource")
    assert refusal(OTHER) == (AccessDeniedException, NOT_ALLOWED.format(name, OTHER))
    missing = f"Requested resource not found: ResourcArn: {ARN} not found"
    assert refusal(ARN) == (
        ResourceNotFoundException,
        "Requested resource not found" if operation is untag_resource else missing,
    )


def test_the_form_of_the_arn_comes_before_the_tags_and_the_tags_before_the_table(running):
    with pytest.raises(ValidationException, match="Invalid TableArn"):
        running.run(tag_resource, ResourceArn="x", Tags=[])
    with pytest.raises(ValidationException, match="Atleast one Tag needs"):
        running.run(tag_resource, ResourceArn=ARN, Tags=[])
    with pytest.raises(ValidationException, match="Atleast one Tag Key needs"):
        running.run(untag_resource, ResourceArn=ARN, TagKeys=[])
    with pytest.raises(ValidationException, match="Value null at 'tagKeys'"):
        running.run(untag_resource, ResourceArn="x")

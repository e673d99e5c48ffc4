"""Authentication: who is let in, and the order and words of refusals, with requests signed by botocore."""

from __future__ import annotations

from hashlib import sha256

import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from cdc.api.authentication import MISMATCH, MISSING, NOT_LOCAL, TWO_WAYS, UNKNOWN_CLIENT, Authenticator
from cdc.api.http import Request
from cdc.clock import ManualClock, SystemClock
from cdc.model.credentials import Credential
from cdc.model.errors import ServiceError

PLAIN = Credential(access_key_id="key", secret_access_key="secret")
TEMPORARY = Credential(access_key_id="temporary", secret_access_key="other", session_token="token/+=")
SERVICES = frozenset({"dynamodb", "dynamodbstreams"})
BODY = b'{"TableName":"abc"}'
WELL_FORMED = (
    "AWS4-HMAC-SHA256 Credential=x/20260101/r/dynamodb/aws4_request, SignedHeaders=host;x-amz-date, Signature=0"
)


class Presigner(SigV4QueryAuth):  # type: ignore[misc]  # botocore has no types
    """Signs for a body that is sent later; botocore itself would move it into the query."""

    def payload(self, _request):
        return sha256(BODY).hexdigest()


@pytest.fixture
def clock():
    return ManualClock(SystemClock().now_ms())  # botocore signs with the system's time


def signed(credential=PLAIN, *, service="dynamodb", query=False, expires=3600, host="localhost:8000"):
    """Let botocore sign a request; returns it as it would come in."""
    headers = {"X-Amz-Target": "DynamoDB_20120810.Scan", "Content-Type": "application/x-amz-json-1.0"}
    request = AWSRequest("POST", f"http://{host}/", headers, b"" if query else BODY)
    keys = Credentials(credential.access_key_id, credential.secret_access_key, credential.session_token)
    if query:
        Presigner(keys, service, "eu-west-1", expires=expires).add_auth(request)
    else:
        SigV4Auth(keys, service, "eu-west-1").add_auth(request)
    sent = {name.lower().encode(): str(value).encode() for name, value in request.headers.items()}
    target = "/" + str(request.url).split("/", 3)[3]
    return Request(b"POST", target.encode(), {b"host": host.encode(), **sent}, BODY)


def changed(request, *, body=None, target=None, **headers):
    """Change a request on its way; a header of None is taken out."""
    given = {name.replace("_", "-").encode(): value for name, value in headers.items()}
    kept = {name: value for name, value in request.headers.items() if name not in given}
    new = {name: value.encode() for name, value in given.items() if value is not None}
    return request._replace(headers=kept | new, body=body or request.body, target=target or request.target)


def unsigned(*, local=True, target=b"/", **headers):
    request = Request(b"POST", target, {b"host": b"localhost:8000"}, BODY, local)
    return changed(request, **headers)


def refusal(request, clock, *credentials, services=SERVICES):
    with pytest.raises(ServiceError) as caught:
        Authenticator(credentials, clock).check(request, services)
    assert caught.value.body()["__type"] == f"com.amazon.coral.service#{caught.value.code}"
    return caught.value.code, caught.value.message


@pytest.mark.parametrize("credential", [PLAIN, TEMPORARY], ids=["plain", "temporary"])
@pytest.mark.parametrize("query", [False, True], ids=["header", "query"])
@pytest.mark.parametrize("service", sorted(SERVICES))
def test_what_botocore_signs_is_let_in(clock, credential, query, service):
    request = signed(credential, query=query, service=service)
    Authenticator([PLAIN, TEMPORARY], clock).check(request, SERVICES)
    Authenticator([], clock).check(request, SERVICES)


def test_any_other_service_can_be_guarded_the_same_way(clock):
    Authenticator([PLAIN], clock).check(signed(service="lambda"), frozenset({"lambda"}))


@pytest.mark.parametrize("query", [False, True], ids=["header", "query"])
@pytest.mark.parametrize(
    "change",
    [{"body": b'{"TableName":"abd"}'}, {"host": "localhost:8001"}, {"x_amz_target": "DynamoDB_20120810.Query"}],
)
def test_a_request_changed_on_its_way_is_refused(clock, query, change):
    assert refusal(changed(signed(query=query), **change), clock, PLAIN) == ("InvalidSignatureException", MISMATCH)


@pytest.mark.parametrize("query", [False, True], ids=["header", "query"])
def test_the_port_may_be_missing_of_the_host_that_was_signed_and_nothing_else(clock, query):
    request = signed(query=query, host="localhost")
    Authenticator([PLAIN], clock).check(changed(request, host="localhost:8000"), SERVICES)
    mismatch = ("InvalidSignatureException", MISMATCH)
    assert refusal(changed(request, host="localhosts:8000"), clock, PLAIN) == mismatch
    assert refusal(changed(request, host="localhost:8000", body=b"{}"), clock, PLAIN) == mismatch


def test_a_wrong_secret_is_refused(clock):
    wrong = Credential(access_key_id="key", secret_access_key="wrong")
    assert refusal(signed(wrong), clock, PLAIN) == ("InvalidSignatureException", MISMATCH)
    assert refusal(signed(wrong, query=True), clock, PLAIN) == ("InvalidSignatureException", MISMATCH)


def test_an_unknown_key_or_a_wrong_session_token_is_an_unknown_client(clock):
    unknown = ("UnrecognizedClientException", UNKNOWN_CLIENT)
    assert refusal(signed(), clock, TEMPORARY) == unknown
    assert refusal(changed(signed(TEMPORARY), x_amz_security_token=None), clock, TEMPORARY) == unknown
    assert refusal(changed(signed(TEMPORARY), x_amz_security_token="tokem"), clock, TEMPORARY) == unknown
    assert refusal(changed(signed(), x_amz_security_token="any"), clock, PLAIN) == unknown


@pytest.mark.parametrize("credentials", [(), (PLAIN,)], ids=["open", "guarded"])
def test_signing_in_two_ways_or_in_parts_is_refused_even_when_anybody_is_let_in(clock, credentials):
    both = changed(signed(query=True), authorization=WELL_FORMED, x_amz_date="20260101T000000Z")
    assert refusal(both, clock, *credentials) == ("InvalidSignatureException", TWO_WAYS)
    other = unsigned(authorization="Bearer abc")
    assert refusal(other, clock, *credentials) == ("MissingAuthenticationTokenException", MISSING)
    header = "AWS4-HMAC-SHA256 Credential=x, Nonsense"
    assert refusal(unsigned(authorization=header), clock, *credentials) == (
        "IncompleteSignatureException",
        (
            "Authorization header requires 'Signature' parameter. Authorization header requires 'SignedHeaders' "
            "parameter. Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. "
            f"Authorization={header}"
        ),
    )
    query = unsigned(target=b"/?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=1")
    assert refusal(query, clock, *credentials) == (
        "IncompleteSignatureException",
        (
            "AWS query-string parameters must include 'X-Amz-Credential'. AWS query-string parameters must include "
            "'X-Amz-SignedHeaders'. AWS query-string parameters must include 'X-Amz-Date'. "
            "Re-examine the query-string parameters."
        ),
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"authorization": WELL_FORMED.replace("/dynamodb", "")}, "Credential must have exactly 5 slash-delimited"),
        ({"authorization": WELL_FORMED.replace("SHA256", "SHA1")}, "Unsupported AWS 'algorithm': 'AWS4-HMAC-SHA1'"),
        ({"authorization": WELL_FORMED, "x_amz_date": None, "date": "soon"}, "Date must be in ISO-8601"),
        (
            {"authorization": WELL_FORMED, "x_amz_date": None, "date": "Fri, 31 Dec 9999 23:59:59 -2359"},
            "Date must be in ISO-8601",
        ),
    ],
)
def test_parts_of_the_wrong_form_are_refused(clock, change, message):
    code, text = refusal(unsigned(**({"x_amz_date": "20260101T000000Z"} | change)), clock, PLAIN)
    assert code == "IncompleteSignatureException"
    assert text.startswith(message)


def test_without_access_keys_callers_on_this_machine_are_let_in_signed_by_anybody_or_not_at_all(clock):
    anybody = Authenticator([], clock)
    anybody.check(unsigned(), SERVICES)
    anybody.check(unsigned(authorization=WELL_FORMED, x_amz_date="20260101T000000Z"), SERVICES)
    anybody.check(unsigned(authorization=WELL_FORMED, date="Thu, 01 Jan 2026 00:00:00 GMT"), SERVICES)
    anybody.check(unsigned(target=b"/?a=b"), SERVICES)


def test_without_access_keys_callers_on_other_machines_are_told_what_is_missing(clock):
    assert refusal(unsigned(local=False), clock) == ("MissingAuthenticationTokenException", MISSING)
    away = unsigned(local=False, authorization=WELL_FORMED, x_amz_date="20260101T000000Z")
    assert refusal(away, clock) == ("AccessDeniedException", NOT_LOCAL)


def test_with_access_keys_nobody_is_let_in_without_a_signature(clock):
    assert refusal(unsigned(), clock, PLAIN) == ("MissingAuthenticationTokenException", MISSING)
    assert refusal(unsigned(target=b"/?a=b"), clock, PLAIN) == ("MissingAuthenticationTokenException", MISSING)


@pytest.mark.parametrize("query", [False, True], ids=["header", "query"])
def test_a_clock_may_be_off_by_a_quarter_of_an_hour(clock, query):
    request = signed(query=query, expires=60)
    at_ms = clock.now_ms()
    for minutes in (-14.9, 14.9):
        clock.set_wall_ms(at_ms + round(minutes * 60_000))
        Authenticator([PLAIN], clock).check(request, SERVICES)
    clock.set_wall_ms(at_ms + 16 * 60_000)
    code, message = refusal(request, clock, PLAIN)
    assert code == "InvalidSignatureException"
    assert message.startswith("Signature expired: 20")
    assert message.endswith(" - 15 min.)")
    assert " is now earlier than 20" in message
    clock.set_wall_ms(at_ms - 16 * 60_000)
    code, message = refusal(request, clock, PLAIN)
    assert code == "InvalidSignatureException"
    assert message.startswith("Signature not yet current: 20")
    assert message.endswith(" + 15 min.)")


def test_a_presigned_request_is_good_for_as_long_as_it_says(clock):
    request = signed(query=True, expires=3600)
    clock.advance(3500)
    Authenticator([PLAIN], clock).check(request, SERVICES)
    clock.advance(200)
    assert refusal(request, clock, PLAIN)[1].endswith(" - 60 min.)")
    for wrong in (b"3600x", b"99999999", b"604801"):
        other = changed(request, target=request.target.replace(b"X-Amz-Expires=3600", b"X-Amz-Expires=" + wrong))
        assert refusal(other, clock, PLAIN)[0] == "IncompleteSignatureException"


def test_the_key_is_looked_at_before_the_signature_and_the_signature_before_the_time(clock):
    clock.advance(3600)
    wrong = Credential(access_key_id="key", secret_access_key="wrong")
    assert refusal(signed(wrong), clock, TEMPORARY)[0] == "UnrecognizedClientException"
    assert refusal(signed(wrong), clock, PLAIN)[1] == MISMATCH


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b"/dynamodb/", b"/s3/", "Credential should be scoped to correct service: 'dynamodb'. "),
        (b"/aws4_request", b"/aws4", "Credential should be scoped with a valid terminator: 'aws4_request', not 'aws4'. "),
        (b"host;", b"", "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."),
        (b"key/20", b"key/19", "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '19"),
    ],
)  # fmt: skip
def test_a_signature_for_something_else_is_refused(clock, old, new, message):
    request = signed()
    header = request.headers[b"authorization"].replace(old, new).decode()
    code, text = refusal(changed(request, authorization=header), clock, PLAIN)
    assert code == "InvalidSignatureException"
    assert text.startswith(message)


def test_a_credential_does_not_show_its_secrets():
    assert "other" not in repr(TEMPORARY)
    assert "token/" not in repr(TEMPORARY)

"""Requests of a function's process are known by the application id in their User-Agent."""

from __future__ import annotations

import pytest

from cdc.model.app_id import APP_ID_MAX_CHARACTERS, app_id_in, app_id_of

BOTO3 = "Boto3/1.44.5 md/Botocore#1.44.5 ua/2.1 os/linux#6.1 lang/python#3.11 cfg/retry-mode#legacy"


@pytest.mark.parametrize(
    ("name", "app_id"), [("totals", "cdc-fn-totals"), ("a b/ü", "cdc-fn-a-b--"), ("x_1.Y", "cdc-fn-x_1.Y")]
)
def test_a_functions_application_id_is_found_again(name, app_id):
    assert app_id_of(name) == app_id
    assert app_id_in(f"{BOTO3} app/{app_id}".encode()) == app_id
    assert app_id_in(f"{BOTO3} app/{app_id} md/more#1".encode()) == app_id


def test_an_application_id_is_no_longer_than_sdks_take():
    assert len(app_id_of("f" * 140)) == APP_ID_MAX_CHARACTERS


@pytest.mark.parametrize("agent", ["", BOTO3, f"{BOTO3} app/mine", "app/cdc-fn-x", "curl/8 xapp/cdc-fn-x"])
def test_others_are_not_taken_for_a_function(agent):
    assert app_id_in(agent.encode()) is None

from __future__ import annotations

import pytest

from cdc.model.outbox import Message


@pytest.mark.parametrize("message_id", ["", "a b", "a\r\nb", "é", "../x", "a" * 65])
def test_an_id_that_could_not_stand_in_a_header_or_a_key_is_refused(message_id):
    with pytest.raises(ValueError, match="expected a UUID"):
        Message(message_id=message_id, destination="file:/x", payload=b"{}", mapping_name="m", records=1)

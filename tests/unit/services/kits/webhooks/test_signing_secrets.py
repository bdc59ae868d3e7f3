"""Secrets: their form, and a rotation in which two are live at most."""

import base64
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from services.kits.webhooks.errors import SecretLimitError, SecretMalformedError
from services.kits.webhooks.signing_secrets import (
    LEAST_BYTES,
    MOST_BYTES,
    SECRET_BYTES,
    SigningSecret,
    key_of,
    live_secrets,
    new_secret,
    rotated,
)

NOW = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def test_a_fresh_secret_has_its_prefix_and_its_bytes() -> None:
    secret = new_secret(Random(1).randbytes)
    assert secret.startswith("whsec_")
    assert len(key_of(secret)) == SECRET_BYTES
    assert "=" not in key_of(secret.rstrip("=")).hex()  # unpadded base64 is read as well
    assert key_of(secret.rstrip("=")) == key_of(secret)


@pytest.mark.parametrize("size", [LEAST_BYTES - 1, MOST_BYTES + 1])
def test_a_secret_one_byte_past_its_bounds_is_refused(size: int) -> None:
    for allowed in (LEAST_BYTES, MOST_BYTES):
        assert len(key_of("whsec_" + base64.b64encode(bytes(allowed)).decode())) == allowed
    with pytest.raises(SecretMalformedError):
        key_of("whsec_" + base64.b64encode(bytes(size)).decode())


@pytest.mark.parametrize("text", ["", "whsec_", "sk_" + "A" * 44, "whsec_" + "!" * 44, "whsec_" + "A" * 45, "whsec_é"])
def test_what_is_no_secret_is_refused_without_being_repeated(text: str) -> None:
    with pytest.raises(SecretMalformedError) as refused:
        key_of(text)
    assert text not in refused.value.message or not text or text == "whsec_"


def test_a_secret_is_not_in_its_repr() -> None:
    assert "whsec" not in repr(SigningSecret("whsec_hidden", NOW))


def test_after_a_rotation_both_sign_until_the_overlap_is_over() -> None:
    secrets = rotated([SigningSecret("old", NOW - DAY)], "new", NOW, overlap=DAY)
    assert [each.text for each in live_secrets(secrets, NOW)] == ["new", "old"]
    assert [each.text for each in live_secrets(secrets, NOW + DAY - timedelta(seconds=1))] == ["new", "old"]
    assert [each.text for each in live_secrets(secrets, NOW + DAY)] == ["new"]


def test_a_third_live_secret_is_refused_until_the_oldest_has_ended() -> None:
    two = rotated([SigningSecret("first", NOW - DAY)], "second", NOW, overlap=DAY)
    with pytest.raises(SecretLimitError) as refused:
        rotated(two, "third", NOW + timedelta(hours=1), overlap=DAY)
    assert refused.value.metadata["until"] == (NOW + DAY).isoformat()
    three = rotated(two, "third", NOW + DAY, overlap=DAY)
    assert [each.text for each in live_secrets(three, NOW + DAY)] == ["third", "second"]


def test_without_overlap_all_older_secrets_end_at_once() -> None:
    two = rotated([SigningSecret("first", NOW - DAY)], "second", NOW, overlap=DAY)
    one = rotated(two, "third", NOW, overlap=timedelta(0))
    assert [each.text for each in one] == ["third"]

"""Signatures agree with the reference library in both directions, and nothing else is taken."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from standardwebhooks import Webhook

from services.kits.webhooks.errors import WebhookStaleError, WebhookTamperedError, WebhookUnsignedError
from services.kits.webhooks.signing import SIGNATURES_LIMIT, TOLERANCE, signed_headers, verified
from services.kits.webhooks.signing_secrets import new_secret

on_a_busy_machine = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

SECRET, OTHER = new_secret(Random(1).randbytes), new_secret(Random(2).randbytes)
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
BODY = '{"type":"order.delayed","data":{"订单":"7"}}'.encode()
ID = "msg_0123456789abcdef"


def headers(**changes: str) -> dict[str, str]:
    found = signed_headers(ID, BODY, [SECRET], NOW)
    return found | {name.replace("_", "-"): value for name, value in changes.items()}


def test_what_we_sign_the_reference_library_verifies() -> None:
    now = datetime.now(UTC)
    for secret in (SECRET, OTHER):
        signed = signed_headers(ID, BODY, [SECRET, OTHER], now)
        assert Webhook(secret).verify(BODY, signed)["type"] == "order.delayed"


@on_a_busy_machine
@given(st.text(max_size=200), st.binary(min_size=24, max_size=64))
def test_what_the_reference_library_signs_we_verify(text: str, key: bytes) -> None:
    secret = new_secret(lambda _size: key)
    signature = Webhook(secret).sign(ID, NOW, text)
    given_headers = {
        "webhook-id": ID,
        "webhook-timestamp": str(int(NOW.timestamp())),
        "webhook-signature": f"v1a,xyz {signature}",
    }
    assert verified(given_headers, text.encode(), [secret], NOW).id == ID
    assert signed_headers(ID, text.encode(), [secret], NOW)["webhook-signature"] == signature


def test_the_specifications_own_example_is_signed_alike() -> None:
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    headers_ = signed_headers(
        "msg_p5jXN8AQM9LWM0D4loKWxJek", b'{"test": 2432232314}', [secret], datetime.fromtimestamp(1614265330, UTC)
    )
    assert headers_["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_either_of_two_live_secrets_verifies() -> None:
    for secrets in ([SECRET, OTHER], [OTHER, SECRET], [SECRET]):
        assert verified(headers(), BODY, secrets, NOW).id == ID
    with pytest.raises(WebhookTamperedError):
        verified(headers(), BODY, [OTHER], NOW)


def test_a_third_secret_or_none_is_a_defect() -> None:
    for secrets in ([], [SECRET, OTHER, SECRET]):
        with pytest.raises(ValueError, match="live at once"):
            verified(headers(), BODY, secrets, NOW)


@pytest.mark.parametrize(
    "changes",
    [
        {"webhook_id": ""},
        {"webhook_timestamp": ""},
        {"webhook_signature": ""},
        {"webhook_id": "msg.1"},
        {"webhook_id": "msg 1"},
        {"webhook_id": "x" * 129},
        {"webhook_timestamp": "yesterday"},
        {"webhook_timestamp": "-1"},
        {"webhook_timestamp": "1" * 12},
        {"webhook_timestamp": "١٢٣"},
        {"webhook_signature": "v1"},
        {"webhook_signature": "v1,"},
        {"webhook_signature": "v1,not base64"},
        {"webhook_signature": "v1,é"},
        {"webhook_signature": "v1,QUJD"},
        {"webhook_signature": "v2," + "A" * 43 + "="},
        {"webhook_signature": "v1," + "A" * 1_100},
    ],
)
def test_a_call_without_usable_headers_is_unsigned(changes: Mapping[str, str]) -> None:
    with pytest.raises(WebhookUnsignedError):
        verified(headers(**changes), BODY, [SECRET], NOW)


@on_a_busy_machine
@given(st.integers(0, len(BODY) - 1), st.integers(1, 255))
def test_any_byte_of_the_body_that_changed_is_noticed(place: int, change: int) -> None:
    tampered = bytearray(BODY)
    tampered[place] ^= change
    with pytest.raises(WebhookTamperedError):
        verified(headers(), bytes(tampered), [SECRET], NOW)


@pytest.mark.parametrize("changes", [{"webhook_id": "msg_other"}, {"webhook_timestamp": "1772366401"}])
def test_another_id_or_time_is_noticed(changes: Mapping[str, str]) -> None:
    with pytest.raises(WebhookTamperedError):
        verified(headers(**changes), BODY, [SECRET], NOW)


@pytest.mark.parametrize("sign", [-1, 1])
def test_a_second_past_the_tolerance_either_way_is_stale(sign: int) -> None:
    assert verified(headers(), BODY, [SECRET], NOW + sign * TOLERANCE).time == NOW
    with pytest.raises(WebhookStaleError) as refused:
        verified(headers(), BODY, [SECRET], NOW + sign * (TOLERANCE + timedelta(seconds=1)))
    assert refused.value.metadata["age_s"] == str(sign * 301)


def test_a_stale_call_with_a_wrong_signature_is_tampered_not_stale() -> None:
    with pytest.raises(WebhookTamperedError):
        verified(headers(), b"{}", [SECRET], NOW + timedelta(days=1))


def test_one_signature_past_the_bound_is_not_looked_at() -> None:
    right = headers()["webhook-signature"]
    wrong = "v1," + "A" * 43 + "="
    last = headers(webhook_signature=" ".join([*[wrong] * (SIGNATURES_LIMIT - 1), right]))
    assert verified(last, BODY, [SECRET], NOW).id == ID
    with pytest.raises(WebhookTamperedError):
        verified(headers(webhook_signature=" ".join([*[wrong] * SIGNATURES_LIMIT, right])), BODY, [SECRET], NOW)

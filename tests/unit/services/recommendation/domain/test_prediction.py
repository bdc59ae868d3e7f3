"""Personal answers fail closed."""

import math

import pytest

from services.recommendation.domain.prediction import FallbackReason, personal_refusal


@pytest.mark.parametrize(
    ("consented", "staleness_s", "expected"),
    [
        (True, 0.5, FallbackReason.NONE),
        (True, 2.0, FallbackReason.NONE),
        (True, 2.01, FallbackReason.CONSENT_STALE),
        (True, math.inf, FallbackReason.CONSENT_STALE),
        (True, math.nan, FallbackReason.CONSENT_STALE),
        (False, 0.5, FallbackReason.NO_CONSENT),
        (False, 9.0, FallbackReason.CONSENT_STALE),
    ],
)
def test_stale_or_absent_consent_is_no_consent(consented: bool, staleness_s: float, expected: FallbackReason) -> None:
    assert personal_refusal(consented=consented, staleness_s=staleness_s, staleness_limit_s=2.0) is expected

"""What people read of a promise: in both languages, with the day that is meant."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from services.orders.domain.lifecycle import Words
from services.orders.domain.promise import Confidence, Reason
from services.orders.domain.promise_words import CONFIDENCE_WORDS, REASON_WORDS, day_words, delay_words
from services.orders.domain.promised import DelayNotice

SHANGHAI = ZoneInfo("Asia/Shanghai")


def test_every_confidence_and_every_reason_has_words_in_both_languages() -> None:
    assert set(CONFIDENCE_WORDS) == set(Confidence)
    assert set(REASON_WORDS) == set(Reason)
    for words in (*CONFIDENCE_WORDS.values(), *REASON_WORDS.values()):
        assert any("\u4e00" <= character <= "\u9fff" for character in words.zh)
        assert words.en.isascii()


def test_the_day_is_the_one_that_ends_with_the_promise() -> None:
    midnight = datetime(2026, 12, 3, 16, tzinfo=UTC)  # 4 December in Shanghai, 00:00
    assert day_words(midnight, SHANGHAI) == Words("12月3日", "3 Dec")
    assert day_words(datetime(2026, 12, 3, 12, tzinfo=UTC), SHANGHAI).en == "3 Dec"


def test_a_delay_is_told_with_both_days_and_the_reason() -> None:
    notice = DelayNotice(1, 1, datetime(2026, 12, 3, 16, tzinfo=UTC), datetime(2026, 12, 5, 16, tzinfo=UTC))
    told = delay_words(notice, Reason.REWORK, SHANGHAI)
    assert told.zh == "抱歉，您的订单预计由12月3日延至12月5日送达：有工序需要返工。"
    assert told.en.endswith("promised by 3 Dec, is now expected by 5 Dec: part of the work is done again.")

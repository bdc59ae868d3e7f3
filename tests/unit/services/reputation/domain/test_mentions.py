"""What a mention may be, one past each bound, and what makes two of them the same."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.reputation.domain.errors import MentionRefusedError
from services.reputation.domain.mentions import (
    FUTURE_TOLERANCE,
    MAX_AUTHOR_CHARACTERS,
    MAX_ID_CHARACTERS,
    MAX_PARENT_CHARACTERS,
    MAX_PRODUCT_ID_CHARACTERS,
    MAX_REACH,
    MAX_SHOP_CHARACTERS,
    MAX_SOURCE_CHARACTERS,
    MAX_TEXT_CHARACTERS,
    MAX_TITLE_CHARACTERS,
    OLDEST_AGE,
    CheckedMention,
    MentionForm,
    MentionRules,
    check_mention,
)

NOW = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
RULES = MentionRules(NOW, "main")


def form(**fields: Any) -> MentionForm:
    given: dict[str, Any] = {"source": "weibo", "text": "知客超市的蛋糕真好吃", "published": NOW, **fields}
    return MentionForm(**given)


def check(**fields: Any) -> CheckedMention:
    return check_mention(form(**fields), RULES)


def reason_of(**fields: Any) -> tuple[str, str]:
    with pytest.raises(MentionRefusedError) as refused:
        check(**fields)
    return refused.value.reason, refused.value.field


def test_a_whole_mention_is_kept_in_one_form() -> None:
    checked = check(
        id="5012",
        title="晒单",
        author="小明",
        url="HTTPS://Weibo.com:443/1/5012?utm_source=x#c",
        language="zh-CN",
        tier=2,
        reach=12_000,
        parent="5001",
        published=datetime.fromisoformat("2026-11-23T11:59:00+08:00"),
    )
    assert checked.payload == {
        "id": "5012",
        "source": "weibo",
        "text": "知客超市的蛋糕真好吃",
        "title": "晒单",
        "author": "小明",
        "url": "https://weibo.com/1/5012",
        "language": "zh-CN",
        "tier": 2,
        "reach": 12_000,
        "parent": "weibo/5001",
    }
    assert checked.published == NOW - timedelta(minutes=1)
    assert (checked.subject, checked.shop) == ("author:weibo/小明", "main")


def test_a_parent_may_be_an_address() -> None:
    assert check(parent="https://weibo.com/1/1?spm=2").payload["parent"] == "https://weibo.com/1/1"


def test_a_mention_without_an_author_is_its_own_subject() -> None:
    assert check(id="7").subject == "mention:weibo/7"


def test_without_an_id_the_content_is_the_identity() -> None:
    one, again, other = check(author="a"), check(author="a"), check(author="b")
    assert one.id == again.id
    assert one.id != other.id
    assert check(text="ab", title="").id != check(text="b", title="a").id


def test_a_review_has_stars_and_a_product() -> None:
    checked = check(source="reviews", rating=1, product_id="p-1")
    assert (checked.payload["rating"], checked.payload["product_id"]) == (1, "p-1")


def test_what_people_wrote_is_kept_as_it_came_but_for_what_cannot_be_stored() -> None:
    raw = "<b>好\u202e</b>\x07 \ud800"
    assert check(text=raw).payload["text"] == raw.replace("\ud800", "\ufffd")


@pytest.mark.parametrize(
    ("fields", "reason", "field"),
    [
        ({"source": ""}, "SOURCE_INVALID", "source"),
        ({"source": "Weibo"}, "SOURCE_INVALID", "source"),
        ({"source": "w" * (MAX_SOURCE_CHARACTERS + 1)}, "SOURCE_INVALID", "source"),
        ({"text": " \n"}, "TEXT_MISSING", "text"),
        ({"text": "好" * (MAX_TEXT_CHARACTERS + 1)}, "TEXT_TOO_LONG", "text"),
        ({"title": "好" * (MAX_TITLE_CHARACTERS + 1)}, "TEXT_TOO_LONG", "title"),
        ({"id": "i" * (MAX_ID_CHARACTERS + 1)}, "TEXT_TOO_LONG", "id"),
        ({"id": " "}, "TEXT_MISSING", "id"),
        ({"author": "a" * (MAX_AUTHOR_CHARACTERS + 1)}, "TEXT_TOO_LONG", "author"),
        ({"author": "a\x00b"}, "CONTROL_CHARACTER", "author"),
        ({"author": "a\u202eb"}, "CONTROL_CHARACTER", "author"),
        ({"author": "a\ud800"}, "CONTROL_CHARACTER", "author"),
        ({"shop": "s" * (MAX_SHOP_CHARACTERS + 1)}, "TEXT_TOO_LONG", "shop"),
        ({"parent": "p" * (MAX_PARENT_CHARACTERS + 1)}, "TEXT_TOO_LONG", "parent"),
        ({"product_id": "p" * (MAX_PRODUCT_ID_CHARACTERS + 1)}, "TEXT_TOO_LONG", "product_id"),
        ({"url": "javascript:alert(1)"}, "URL_INVALID", "url"),
        ({"language": "z"}, "LANGUAGE_INVALID", "language"),
        ({"language": "zh" + "-a" * 20}, "LANGUAGE_INVALID", "language"),
        ({"tier": 0}, "TIER_INVALID", "tier"),
        ({"tier": 4}, "TIER_INVALID", "tier"),
        ({"reach": -1}, "REACH_INVALID", "reach"),
        ({"reach": MAX_REACH + 1}, "REACH_INVALID", "reach"),
        ({"rating": 0}, "RATING_INVALID", "rating"),
        ({"rating": 6}, "RATING_INVALID", "rating"),
        ({"published": datetime(2026, 11, 23)}, "MENTION_TIME_INVALID", "published"),  # noqa: DTZ001 - what is refused
        ({"published": NOW + FUTURE_TOLERANCE + timedelta(seconds=1)}, "FUTURE_MENTION", "published"),
        ({"published": NOW - OLDEST_AGE - timedelta(seconds=1)}, "MENTION_TOO_OLD", "published"),
    ],
)
def test_one_past_each_bound_is_refused_by_name(fields: dict[str, Any], reason: str, field: str) -> None:
    assert reason_of(**fields) == (reason, field)


@pytest.mark.parametrize(
    "fields",
    [
        {"source": "w" * MAX_SOURCE_CHARACTERS},
        {"text": "好" * MAX_TEXT_CHARACTERS},
        {"text": "", "title": "只有标题"},
        {"text": "", "parent": "5001"},  # a repost without a word
        {"author": "a" * MAX_AUTHOR_CHARACTERS, "id": "i" * MAX_ID_CHARACTERS},
        {"tier": 1, "reach": MAX_REACH, "rating": 5},
        {"published": NOW + FUTURE_TOLERANCE},
        {"published": NOW - OLDEST_AGE},
    ],
)
def test_at_the_bound_it_is_kept(fields: dict[str, Any]) -> None:
    check(**fields)

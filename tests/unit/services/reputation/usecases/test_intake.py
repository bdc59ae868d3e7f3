"""Intake: a verdict for each, what is stored is in the log, a bad one harms nobody."""

import pytest

from services.reputation.domain.errors import BatchSizeError, MentionRefusedError
from services.reputation.domain.mentions import MAX_BATCH_MENTIONS, MentionRules
from services.reputation.usecases.intake import RefusedForm, Writer, write_mentions
from tests.unit.services.reputation.hearing_world import SHOP, World


def statuses(verdict: object) -> list[str]:
    return [item.status for item in verdict.items]  # type: ignore[attr-defined]


async def test_each_mention_gets_its_verdict_in_order(hearing: World) -> None:
    unread = RefusedForm("x", MentionRefusedError("MENTION_MALFORMED", "no", field=""))
    verdict = await hearing.write(hearing.form("1", "好"), unread, hearing.form("2", ""), hearing.form("1", "好"))
    assert statuses(verdict) == ["stored", "rejected", "rejected", "duplicate"]
    assert verdict.items[0].mention_id == verdict.items[3].mention_id != ""
    assert [item.error.reason for item in verdict.items if item.error] == ["MENTION_MALFORMED", "TEXT_MISSING"]
    (event,) = await hearing.events()
    assert (event.shop, event.channel, event.subject) == (SHOP, "social", "mention:weibo/1")


async def test_the_same_id_with_other_words_is_refused(hearing: World) -> None:
    await hearing.write(hearing.form("1", "好"))
    time = (await hearing.events())[0].occurred_time
    verdict = await hearing.write(hearing.form("1", "坏", published=time))
    assert verdict.items[0].error is not None
    assert verdict.items[0].error.reason == "MENTION_ID_REUSED"


async def test_ids_are_the_sources_own_and_the_writers(hearing: World) -> None:
    time = hearing.clock.now()
    for source, owner in (("weibo", "key"), ("forum", "key"), ("weibo", "other-key")):
        verdict = await hearing.write(
            hearing.form("1", f"{source} {owner}", source=source, published=time), owner=owner
        )
        assert statuses(verdict) == ["stored"]


async def test_a_mention_without_an_id_is_known_by_its_content(hearing: World) -> None:
    time = hearing.clock.now()
    for status in ("stored", "duplicate"):
        assert statuses(await hearing.write(hearing.form("", "好", author="a", published=time))) == [status]


@pytest.mark.parametrize("count", [0, MAX_BATCH_MENTIONS + 1])
async def test_a_batch_has_its_bounds(hearing: World, count: int) -> None:
    with pytest.raises(BatchSizeError):
        await hearing.write(*[hearing.form(str(number), "好") for number in range(count)])
    whole = await hearing.write(*[hearing.form(str(number), "好") for number in range(MAX_BATCH_MENTIONS)])
    assert whole.count("stored") == MAX_BATCH_MENTIONS


async def test_a_dry_run_writes_nothing_and_tells_the_same(hearing: World) -> None:
    forms = [hearing.form("1", "好"), hearing.form("2", "")]
    rules = MentionRules(hearing.clock.now(), SHOP)
    verdict = await write_mentions(hearing.log, forms, rules, Writer("key"), dry_run=True)
    assert statuses(verdict) == ["stored", "rejected"]
    assert await hearing.events() == []

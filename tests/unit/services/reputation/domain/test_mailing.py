"""Who is mailed of what, and the life of a mail."""

from datetime import timedelta

import pytest

from services.reputation.domain import mailing as limits
from services.reputation.domain.alert_steps import acknowledge, resolve
from services.reputation.domain.alerts import Alert, EntryKind
from services.reputation.domain.escalation import tick, unsuppressed
from services.reputation.domain.levels import Level
from services.reputation.domain.mailing import (
    CLAIM,
    GIVE_UP_AFTER,
    MailBook,
    MailState,
    QueuedMail,
    checked_address,
    mail_book,
    mail_id,
)
from services.reputation.domain.notices import Notice, notice_of
from tests.strategies.alerts import LADDER, START
from tests.unit.services.reputation.domain.alert_builders import after, raised

BOOK = MailBook(("pr@shop.cn",), ((1, "lead@shop.cn"), (2, "boss@shop.cn")))
MAIL = QueuedMail("id", "pr@shop.cn", {}, START, START)


def last(alert: Alert) -> Notice:
    return notice_of(alert, [entry for entry in alert.history if entry.kind is EntryKind.NOTIFIED][-1])


def test_further_people_are_mailed_the_longer_nobody_acts() -> None:
    alert = raised(Level.I)
    assert BOOK.recipients(last(alert)) == ("pr@shop.cn",)
    assert BOOK.recipients(last(tick(alert, after(5), LADDER, unsuppressed))) == ("pr@shop.cn", "lead@shop.cn")
    late = BOOK.recipients(last(tick(alert, after(600), LADDER, unsuppressed)))
    assert late == ("pr@shop.cn", "lead@shop.cn", "boss@shop.cn")
    assert MailBook().recipients(last(alert)) == ()


def test_an_acknowledgement_is_no_mail_and_the_end_is_one() -> None:
    taken = acknowledge(raised(), actor="li", owner="", comment="", now=after(1))
    assert BOOK.recipients(last(taken)) == ()
    assert BOOK.recipients(last(resolve(taken, actor="li", comment="over", now=after(9)))) == ("pr@shop.cn",)


def test_a_mail_waits_longer_after_each_failure_and_is_given_up_after_days() -> None:
    mail, now, waits = MAIL, START, []
    while mail.state is MailState.WAITING:
        claimed = mail.claimed(now)
        assert (claimed.state, claimed.time) == (MailState.SENDING, now + CLAIM)
        mail = claimed.failed(now, "connection refused", for_good=False)
        waits.append(mail.time - now)
        now = mail.time
    assert waits[:7] == list(limits.WAITS)
    assert mail.state is MailState.DEAD
    assert GIVE_UP_AFTER - limits.WAITS[-1] <= mail.time - START <= GIVE_UP_AFTER
    assert mail.failures > 200  # hours of an outage are nothing


def test_what_a_server_refuses_for_good_is_dead_at_once() -> None:
    dead = MAIL.claimed(START).failed(START, "5" * 1_000, for_good=True)
    assert (dead.state, len(dead.error)) == (MailState.DEAD, limits.ERROR_LIMIT)
    assert MAIL.claimed(START).sent(START).state is MailState.SENT


def test_a_mail_has_one_id_for_each_person() -> None:
    assert mail_id("event", "a@x.cn") == mail_id("event", "a@x.cn")
    assert len({mail_id("event", "a@x.cn"), mail_id("event", "b@x.cn"), mail_id("event2", "a@x.cn")}) == 3


@pytest.mark.parametrize("text", ["pr@shop.cn", " pr.team+night@mail.shop.cn ", "a@b", "o'neil@shop-1.example"])
def test_an_address_is_taken(text: str) -> None:
    assert checked_address(text) == text.strip()


TRICKS = ["a@shop.cn\nBcc: x@y.z", "Li <li@shop.cn>", "a b@shop.cn", "a@shop.cn,b@shop.cn"]
NO_ADDRESSES = ["", "pr", "@shop.cn", "pr@", "a@b..cn", "a@-b", "小明@shop.cn", "x" * 65 + "@a.cn", "a@" + "b" * 253]


@pytest.mark.parametrize("text", [*TRICKS, *NO_ADDRESSES])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no mail address"):
        checked_address(text)


def test_a_book_is_read_and_bounded() -> None:
    book = mail_book(["pr@shop.cn"], ["1:lead@shop.cn", " 2:boss@shop.cn"])
    assert book == BOOK
    for wrong in ("lead@shop.cn", "0:lead@shop.cn", "9:lead@shop.cn", "1:lead"):
        with pytest.raises(ValueError, match=r"no mail address|step:address"):
            mail_book([], [wrong])
    most = [f"p{number}@shop.cn" for number in range(limits.RECIPIENTS_LIMIT)]
    assert len(mail_book(most, []).to) == limits.RECIPIENTS_LIMIT
    with pytest.raises(ValueError, match="more than"):
        mail_book([*most, "one-more@shop.cn"], [])


def test_the_schedule_begins_quickly() -> None:
    assert limits.WAITS[0] <= timedelta(seconds=10)
    assert list(limits.WAITS) == sorted(limits.WAITS)

"""Mails wait out a server that is away, go out once each, and are taken up where a process died."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from email.message import EmailMessage

import pytest

from services.chassis.metrics import Metrics
from services.reputation.domain.levels import Level
from services.reputation.domain.mailing import CLAIM, MailBook, MailState
from services.reputation.jobs.mailing import KEPT, MAIL_METRICS, SEND_PAGE, Mailer, MailFollower, MailRefusedError
from services.reputation.store.mails import MailStore
from services.reputation.usecases.alerts import Deed, observe, resolve_alert, tick_alerts
from tests.unit.services.reputation.alert_world import AlertWorld, make_alert_world
from tests.unit.services.reputation.domain.alert_builders import evidence, sighting
from tests.unit.services.reputation.hearing_world import World

BOOK = MailBook(("pr@shop.cn", "night@shop.cn"), ((1, "lead@shop.cn"),))
URL = "https://pr.shop.cn"


@dataclass
class PostOffice:
    """Takes mails, unless told otherwise."""

    taken: list[EmailMessage] = field(default_factory=list)
    refusal: MailRefusedError | None = None
    talks: int = 0

    async def send(self, message: EmailMessage) -> None:
        self.talks += 1
        if self.refusal is not None:
            raise self.refusal
        self.taken.append(message)


@dataclass
class Mailing:
    """The queue between a world of alerts and a post office."""

    world: AlertWorld
    hearing: World
    store: MailStore
    post: PostOffice
    metrics: Metrics
    announced: int = 0
    read: int = 0

    def mailer(self) -> Mailer:
        """Return the mailer of a process that has just started."""
        return Mailer(
            self.store,
            self.hearing.mentions,
            self.post,
            self.world.clock,
            metrics=self.metrics,
            sender="zhike@shop.cn",
            external_url=URL,
            sleep=self.world.clock.sleep,
        )

    async def follow(self, *, again: bool = False) -> None:
        """Let the queue follow the log; ``again``: from its beginning."""

        def announce() -> None:
            self.announced += 1

        events = await self.world.relayed()
        start = 0 if again else self.read
        await MailFollower("alert-mails", BOOK, self.store, self.world.clock, announce).apply(events[start:])
        self.read = len(events)

    def subjects(self) -> list[tuple[str, str]]:
        return [(message["To"], message["Subject"]) for message in self.post.taken]


@pytest.fixture
async def mailing(hearing: World) -> AsyncIterator[Mailing]:
    world = await make_alert_world()
    store = MailStore(world.documents)
    await store.declare()
    yield Mailing(world, hearing, store, PostOffice(), Metrics([MAIL_METRICS]))
    await world.log.close()


async def test_everybody_is_mailed_once_however_often_the_log_is_read(mailing: Mailing) -> None:
    await observe(mailing.world.desk(), sighting(Level.II))
    await mailing.follow()
    await mailing.follow(again=True)
    assert mailing.announced == 1
    mailer = mailing.mailer()
    await mailer.send_due()
    await mailer.send_due()
    assert sorted(mailing.subjects()) == sorted((to, "[II] 新舆情警报 / new alert: acme") for to in BOOK.to)


async def test_the_mail_shows_the_mentions_as_they_are_now(mailing: Mailing) -> None:
    await mailing.hearing.write(mailing.hearing.form("1", "知客 蛋糕里有头发"))
    (mention,) = await mailing.hearing.heard()
    seen = (evidence(1, mention_id=mention.id), evidence(2, mention_id="erased"))
    await observe(mailing.world.desk(), sighting(Level.II, evidence=seen))
    await mailing.follow()
    await mailing.mailer().send_due()
    message = mailing.post.taken[0]
    assert "知客 蛋糕里有头发" in message.get_content()
    assert message["From"] == "zhike@shop.cn"
    assert message["Message-ID"].endswith("@shop.cn>")
    assert len({each["Message-ID"] for each in mailing.post.taken}) == 2


async def test_a_server_that_is_down_for_hours_loses_nothing_and_is_left_alone(mailing: Mailing) -> None:
    desk, clock, mailer = mailing.world.desk(), mailing.world.clock, mailing.mailer()
    mailing.post.refusal = MailRefusedError("connection refused", server_away=True)
    alert = await observe(desk, sighting(Level.II))
    for minute in range(8 * 60):
        await tick_alerts(desk)
        await mailing.follow()
        await mailer.send_due()
        if minute == 5 * 60:
            await resolve_alert(desk, Deed(alert.id, "li", "over"))
        clock.advance(60)
    assert mailing.post.talks < 8 * 60 / 5 + 10
    assert mailing.post.taken == []
    mailing.post.refusal = None
    for _ in range(30):
        clock.advance(60)
        await mailer.send_due()
    notices = 2 * len(["raised", "escalation", "escalation", "resolved"]) + 2  # two escalations reach one more person
    assert len(mailing.post.taken) == notices
    assert len({(each["To"], each["Message-ID"]) for each in mailing.post.taken}) == notices
    assert await mailing.store.count(MailState.WAITING) == 0


async def test_a_refused_address_holds_nobody_elses_mail_back(mailing: Mailing) -> None:
    await observe(mailing.world.desk(), sighting(Level.II))
    await mailing.follow()
    mailing.post.refusal = MailRefusedError("550 no such user", for_good=True)
    mailer = mailing.mailer()
    await mailer.send_due()
    assert mailing.post.talks == 2
    assert await mailing.store.count(MailState.DEAD) == 2
    mailing.post.refusal = None
    mailing.world.clock.advance(3_600)
    await mailer.send_due()
    assert mailing.post.taken == []
    assert mailing.metrics.registry.get_sample_value("zhike_reputation_mails_total", {"outcome": "dead"}) == 2


async def test_a_mail_that_is_put_off_is_tried_again(mailing: Mailing) -> None:
    await observe(mailing.world.desk(), sighting(Level.II))
    await mailing.follow()
    mailing.post.refusal = MailRefusedError("451 greylisted")
    mailer = mailing.mailer()
    await mailer.send_due()
    mailing.post.refusal = None
    await mailer.send_due()
    assert mailing.post.taken == []
    mailing.world.clock.advance(6)
    await mailer.send_due()
    assert len(mailing.post.taken) == 2


async def test_what_a_dead_process_was_sending_goes_out_under_its_id(mailing: Mailing) -> None:
    await observe(mailing.world.desk(), sighting(Level.II))
    await mailing.follow()
    for mail in await mailing.store.of_state(MailState.WAITING, until=mailing.world.clock.now(), limit=9):
        await mailing.store.save(mail.claimed(mailing.world.clock.now()))
    mailer = mailing.mailer()
    await mailer.send_due()
    assert mailing.post.taken == []  # another process may be at it
    mailing.world.clock.advance(CLAIM.total_seconds() + 1)
    await mailer.send_due()
    mailing.world.clock.advance(10)
    await mailer.send_due()
    assert len(mailing.post.taken) == 2


async def test_two_processes_send_nothing_twice(mailing: Mailing) -> None:
    await observe(mailing.world.desk(), sighting(Level.II))
    await mailing.follow()
    first, second = mailing.mailer(), mailing.mailer()
    await first.send_due()
    await second.send_due()
    assert len(mailing.post.taken) == 2


async def test_mails_that_ended_long_ago_are_let_go(mailing: Mailing) -> None:
    await observe(mailing.world.desk(), sighting(Level.II))
    await mailing.follow()
    mailer = mailing.mailer()
    await mailer.send_due()
    await mailer.tidy()
    assert await mailing.store.count(MailState.SENT) == 2
    mailing.world.clock.advance((KEPT + timedelta(seconds=1)).total_seconds())
    await mailer.tidy()
    assert await mailing.store.count(MailState.SENT) == 0


async def test_a_pass_is_bounded(mailing: Mailing) -> None:
    for number in range(SEND_PAGE // 2 + 1):
        group = sighting().group
        await observe(
            mailing.world.desk(), sighting(Level.IV, group=type(group)(group.shop, group.kind, f"brand-{number}"))
        )
    await mailing.follow()
    mailer = mailing.mailer()
    await mailer.send_due()
    assert len(mailing.post.taken) == SEND_PAGE
    await mailer.send_due()
    assert len(mailing.post.taken) == SEND_PAGE + 2

"""Mails people what they are to be told of alerts: taken from the log into a queue, from there to the SMTP server.

While the server is away nothing is lost: mails wait in the store, one is tried now and then to see whether it answers
again, and when it does, what waited goes out. A server that refuses a mail for good ends that mail alone, loudly.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import format_datetime
from typing import Final, Literal, Protocol

import aiosmtplib

from services.chassis.clock import Clock
from services.chassis.eventlog.port import Event
from services.chassis.logs import get_log
from services.chassis.metrics import Metric, MetricKind, Metrics
from services.reputation.domain.alerts import EntryKind
from services.reputation.domain.mailing import GIVE_UP_AFTER, WAITS, MailBook, MailState, QueuedMail, mail_id
from services.reputation.domain.notices import SHOWN_EVIDENCE, mail_of, notice_of
from services.reputation.store.alert_bodies import alert_from_body, entry_from_body
from services.reputation.store.alerts import EVENT_PREFIX
from services.reputation.store.mails import MailStore
from services.reputation.store.mentions import MentionStore

LOOK_INTERVAL_S: Final = 1.0
SEND_PAGE: Final = 50  # mails of one pass
KEPT: Final = timedelta(days=30)  # sent and dead mails, for an operator who looks
TIDY_PAGE: Final = 500
REST_LIMIT_S: Final = 300.0  # between two looks whether a server answers again
TALK_LIMIT_S: Final = 60.0  # with the server about one mail
ALERT_NOTIFIED: Final = f"{EVENT_PREFIX}{EntryKind.NOTIFIED}"
_PERMANENT: Final = 500  # SMTP replies from here on will not change

MAIL_METRICS: Final = (
    Metric(
        "zhike_reputation_mails_total",
        MetricKind.COUNTER,
        "Mails of alerts, by outcome: sent, failed (to be tried again), dead.",
        ("outcome",),
    ),
    Metric("zhike_reputation_mails_waiting", MetricKind.GAUGE, "Mails of alerts that wait for the SMTP server.", ()),
)

log = get_log("mailing")


class MailRefusedError(Exception):
    """A mail was not taken. ``for_good``: it never will be; ``server_away``: nor will any other now."""

    def __init__(self, message: str, *, for_good: bool = False, server_away: bool = False) -> None:
        super().__init__(message)
        self.message, self.for_good, self.server_away = message, for_good, server_away


class Post(Protocol):
    """What takes a mail. Raises MailRefusedError."""

    async def send(self, message: EmailMessage) -> None:
        """Hand a mail over; it was taken when this returns."""


@dataclass(frozen=True, slots=True)
class SmtpPost:
    """An SMTP server; each mail is a talk of its own."""

    host: str
    port: int
    security: Literal["starttls", "tls", "none"]
    user: str = ""
    password: str = ""

    async def send(self, message: EmailMessage) -> None:
        """As Post."""
        client = aiosmtplib.SMTP(
            hostname=self.host,
            port=self.port,
            username=self.user or None,
            password=self.password or None,
            use_tls=self.security == "tls",
            start_tls=self.security == "starttls",
            timeout=TALK_LIMIT_S,
        )
        try:
            async with asyncio.timeout(TALK_LIMIT_S), client:
                await client.send_message(message)
        except (aiosmtplib.SMTPRecipientsRefused, aiosmtplib.SMTPDataError, aiosmtplib.SMTPSenderRefused) as error:
            code = _code_of(error)
            raise MailRefusedError(f"{code} {_words_of(error)}", for_good=code >= _PERMANENT) from error
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
            raise MailRefusedError(f"{type(error).__name__}: {error}", server_away=True) from error


class MailFollower:
    """Keeps services.chassis.eventlog.applier.Projection: queues a mail for each person that a notice concerns."""

    def __init__(self, name: str, book: MailBook, mails: MailStore, clock: Clock, announce: Callable[[], None]) -> None:
        self.name = name
        self._book, self._mails, self._clock, self._announce = book, mails, clock, announce

    async def apply(self, events: Sequence[Event]) -> None:
        """As services.chassis.eventlog.applier.Projection."""
        now = self._clock.now()
        queued = [mail for event in events if not event.synthetic for mail in self._mails_of(event, now)]
        if await self._mails.insert(queued):
            self._announce()

    def _mails_of(self, event: Event, now: datetime) -> list[QueuedMail]:
        if event.type != ALERT_NOTIFIED:
            return []
        notice = notice_of(alert_from_body(event.payload["alert"]), entry_from_body(event.payload["entry"]))
        said = {"alert": event.payload["alert"], "entry": event.payload["entry"]}
        return [
            QueuedMail(mail_id(event.key, recipient), recipient, said, now, now)
            for recipient in self._book.recipients(notice)
        ]


class Mailer:
    """Sends what is due. ``run`` until cancelled; two at once send nothing twice, for every claim is one's own."""

    def __init__(
        self,
        mails: MailStore,
        mentions: MentionStore,
        post: Post,
        clock: Clock,
        *,
        metrics: Metrics,
        sender: str,
        external_url: str,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._mails, self._mentions, self._post, self._clock, self._sleep = mails, mentions, post, clock, sleep
        self._sender, self._external_url = sender, external_url
        self._outcomes = metrics.counter("zhike_reputation_mails_total")
        self._waiting = metrics.gauge("zhike_reputation_mails_waiting")
        self._announced = asyncio.Event()
        self._outage, self._rest_until_s = 0, 0.0  # failures in a row that tell of the server, and its rest, monotonic

    def announce(self) -> None:
        """Say that something was queued, so that ``run`` looks at once."""
        self._announced.set()

    async def run(self) -> None:
        """Send what is due, then wait for more."""
        while True:
            self._announced.clear()
            await self.send_due()
            waiting = asyncio.ensure_future(self._announced.wait())
            pause = asyncio.ensure_future(self._sleep(LOOK_INTERVAL_S))
            try:
                await asyncio.wait({waiting, pause}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                waiting.cancel()
                pause.cancel()

    async def send_due(self) -> None:
        """Send every mail that is due; the first that shows that the server is away ends the pass, and it rests."""
        if self._clock.monotonic() < self._rest_until_s:
            return
        now = self._clock.now()
        for lapsed in await self._mails.of_state(MailState.SENDING, until=now, limit=SEND_PAGE):
            await self._mails.save(lapsed.failed(now, "the process that sent it died", for_good=False))
        due = await self._mails.of_state(MailState.WAITING, until=now, limit=SEND_PAGE)
        for mail in due:
            if now - mail.create_time > GIVE_UP_AFTER:  # no server was named all that time
                await self._mails.save(mail.failed(now, mail.error or "it waited too long", for_good=True))
                continue
            claimed = await self._mails.save(mail.claimed(self._clock.now()))
            if claimed is not None and not await self._sent(claimed):
                break
        if due:
            self._waiting.set(await self._mails.count(MailState.WAITING))

    async def tidy(self) -> None:
        """Let go of mails that ended long ago; a pass of a job."""
        until = self._clock.now() - KEPT
        for state in (MailState.SENT, MailState.DEAD):
            while mails := await self._mails.of_state(state, until=until, limit=TIDY_PAGE):
                for mail in mails:
                    await self._mails.delete(mail)

    async def _sent(self, mail: QueuedMail) -> bool:
        """Send one; False when the server is away."""
        away = False
        try:
            await self._post.send(await self._message(mail))
        except MailRefusedError as error:
            after, away = mail.failed(self._clock.now(), error.message, for_good=error.for_good), error.server_away
        else:
            after = mail.sent(self._clock.now())
        self._outage = self._outage + 1 if away else 0
        if away:
            wait = WAITS[min(self._outage, len(WAITS)) - 1]
            self._rest_until_s = self._clock.monotonic() + min(wait.total_seconds(), REST_LIMIT_S)
            log.warning("mail server is away", error=after.error, waiting_s=wait.total_seconds())
        outcome = "failed" if after.state is MailState.WAITING else after.state.value
        self._outcomes.labels(outcome).inc()
        if after.state is MailState.DEAD:
            log.error("mail given up", mail=mail.id, failures=after.failures)
        await self._mails.save(after)
        return not away

    async def _message(self, mail: QueuedMail) -> EmailMessage:
        alert = alert_from_body(mail.event["alert"])
        notice = notice_of(alert, entry_from_body(mail.event["entry"]))
        ids = [each.mention_id for each in alert.evidence[:SHOWN_EVIDENCE]]
        excerpts: Mapping[str, str] = {}
        if ids:
            found = await self._mentions.get_many(ids)
            excerpts = {key: f"{each.title} {each.text}".strip() for key, each in found.items()}
        written = mail_of(notice, excerpts, external_url=self._external_url)
        message = EmailMessage(policy=SMTP_POLICY)
        message["From"], message["To"], message["Subject"] = self._sender, mail.recipient, written.subject
        message["Date"] = format_datetime(notice.entry.time)
        message["Message-ID"] = f"<{mail.id}@{self._sender.rpartition('@')[2]}>"
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no holiday notes in return
        message.set_content(written.text)
        return message


def _code_of(error: Exception) -> int:
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        return max((refused.code for refused in error.recipients), default=0)
    return error.code if isinstance(error, aiosmtplib.SMTPResponseException) else 0


def _words_of(error: Exception) -> str:
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        return "; ".join(refused.message for refused in error.recipients)
    return error.message if isinstance(error, aiosmtplib.SMTPResponseException) else str(error)

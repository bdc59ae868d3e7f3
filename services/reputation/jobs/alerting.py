"""Puts judging and acting together: the desk of alerts, the judge, what leaves them by log, webhook and mail."""

from collections.abc import Mapping
from typing import Final

from services.chassis.eventlog.cursors import DocumentCursors
from services.chassis.eventlog.outbox import OutboxRelay
from services.chassis.eventlog.reader import Reader
from services.chassis.jobs import Job, JobKind
from services.chassis.server import Runtime
from services.kits.webhooks.publishing import FollowedLog
from services.kits.webhooks.webhooks import Webhooks
from services.reputation.domain.mailing import MailBook
from services.reputation.jobs.judging import (
    ALERT_METRICS,
    SILENCE_INTERVAL_S,
    TICK_INTERVAL_S,
    Judge,
    JudgeParts,
    counting,
)
from services.reputation.jobs.mailing import MAIL_METRICS, Mailer, MailFollower, SmtpPost
from services.reputation.jobs.telling import WEBHOOK_TYPES, webhooks_of
from services.reputation.settings import ReputationSettings
from services.reputation.store.alerts import ALERTS, ALERTS_LOG, AlertStore, SilenceStore
from services.reputation.store.mails import MailStore
from services.reputation.store.sources import BrandStore
from services.reputation.usecases.alerts import AlertDesk
from services.reputation.usecases.sources import Watching

TIDY_INTERVAL_S: Final = 3_600.0


class Alerting:
    """Everything that judges what was heard and acts on it."""

    def __init__(self, runtime: Runtime[ReputationSettings], watching: Watching, brands: BrandStore) -> None:
        settings, clock, documents = runtime.settings, runtime.clock, runtime.documents
        runtime.metrics.declare((*ALERT_METRICS, *MAIL_METRICS))
        log = runtime.event_log(ALERTS_LOG)
        self._relay = OutboxRelay(documents, ALERTS, log, metrics=runtime.metrics)
        self.desk = AlertDesk(
            AlertStore(documents),
            SilenceStore(documents),
            clock,
            settings.hold,
            settings.ladder(),
            counting(runtime.metrics, self._relay.announce),
        )
        self.judge = Judge(
            JudgeParts(
                mentions=watching.mentions,
                watching=watching,
                brands=brands,
                own_brands=frozenset(brand.id for brand in settings.own_brands),
                desk=self.desk,
                clock=clock,
                metrics=runtime.metrics,
                calendar=settings.calendar(),
                zone=settings.zone,
                thresholds=settings.thresholds,
            )
        )
        self.webhooks = Webhooks(runtime, event_types=tuple(WEBHOOK_TYPES.values()))
        self._telling = self.webhooks.follow("alert-webhooks", log, webhooks_of(settings.console_url))
        self._mails = MailStore(documents)
        self._mailer = _mailer(runtime, self._mails, watching)
        book = settings.book() if settings.smtp_address else MailBook()
        follower = MailFollower("alert-mails", book, self._mails, clock, self._mailer.announce)
        reader = Reader(log, follower, documents, clock, rng=runtime.chance, metrics=runtime.metrics)
        self._mailing = FollowedLog(reader, DocumentCursors(documents, follower.name))

    async def open(self) -> None:
        """Create the collections."""
        await self.desk.alerts.declare()
        await self.desk.silences.declare()
        await self._mails.declare()
        await self.webhooks.open()

    @property
    def readers(self) -> tuple[Reader, ...]:
        """Return what follows the log of alerts."""
        return (self._telling.reader, self._mailing.reader)

    def jobs(self) -> tuple[Job, ...]:
        """Return what runs beside the requests."""
        return (
            Job("judge-buckets", self.judge.run_closing),
            Job("judge-late-mentions", self.judge.run_late, JobKind.PER_REPLICA),
            Job("missed-sources", self.judge.look_for_silence, every_s=SILENCE_INTERVAL_S),
            Job("alert-clock", self.judge.tick, every_s=TICK_INTERVAL_S),
            Job("alerts-outbox", self._relay.run),
            Job("alert-webhooks", self._telling.run),
            Job("alert-mails", self._mailing.run),
            Job("mails", self._mailer.run),
            Job("mails-tidying", self._mailer.tidy, every_s=TIDY_INTERVAL_S),
            *self.webhooks.jobs,
        )

    async def facts(self) -> Mapping[str, object]:
        """Say how many alerts there are, for an operator."""
        return {"alerts": await self.desk.alerts.count(), "alerts_live": len(await self.desk.alerts.live())}


def _mailer(runtime: Runtime[ReputationSettings], mails: MailStore, watching: Watching) -> Mailer:
    """Return what mails; without a server nobody is mailed, so it has nothing to do."""
    settings = runtime.settings
    host, _, port = settings.smtp_address.rpartition(":")
    post = SmtpPost(
        host.strip("[]"), int(port or 0), settings.smtp_security, settings.smtp_user, settings.smtp_password
    )
    return Mailer(
        mails,
        watching.mentions,
        post,
        runtime.clock,
        metrics=runtime.metrics,
        sender=settings.mail_from,
        external_url=settings.console_url,
    )

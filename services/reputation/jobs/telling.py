"""What others are told of alerts by webhook: a message for everything that people are told, in Alertmanager's form."""

from collections.abc import Callable, Sequence
from typing import Final

from services.chassis.eventlog.port import Event
from services.kits.webhooks.messages import Message, message_of_body
from services.reputation.domain.alerts import CauseKind
from services.reputation.domain.notices import notice_of, webhook_body
from services.reputation.jobs.mailing import ALERT_NOTIFIED
from services.reputation.store.alert_bodies import alert_from_body, entry_from_body

RECEIVER: Final = "zhike"
WEBHOOK_TYPES: Final = {
    CauseKind.RAISED: "alert.raised",
    CauseKind.LEVEL: "alert.graver",
    CauseKind.ESCALATION: "alert.escalated",
    CauseKind.ACKNOWLEDGED: "alert.acknowledged",
    CauseKind.RESOLVED: "alert.resolved",
}


def webhooks_of(external_url: str) -> Callable[[Event], Sequence[Message]]:
    """Return what an event of the log of alerts is told as."""

    def messages(event: Event) -> Sequence[Message]:
        if event.type != ALERT_NOTIFIED:
            return ()
        alert, entry = alert_from_body(event.payload["alert"]), entry_from_body(event.payload["entry"])
        notice = notice_of(alert, entry)
        if entry.cause is None:
            return ()
        body = webhook_body(notice, receiver=RECEIVER, external_url=external_url)
        return (message_of_body(event.key, WEBHOOK_TYPES[entry.cause.kind], body),)

    return messages

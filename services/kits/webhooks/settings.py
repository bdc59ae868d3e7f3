"""What a service that calls other people's addresses reads from the environment, beside what every process does."""

from pydantic import Field

from services.chassis.settings import ChassisSettings
from services.kits.outbound.allowed_hosts import HostList


class WebhookSettings(ChassisSettings):
    """Settings of a service that sends webhooks; its own settings subclass these."""

    webhook_allowed_hosts: HostList = Field(
        (),
        description="Hosts that webhooks may be sent to although they are not public, or by http: exact host:port "
        'pairs, "hooks.internal:8443,[::1]:9000". Empty: https to public addresses only.',
    )

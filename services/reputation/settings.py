"""The settings of reputation, read once from ZHIKE_* and ZHIKE_REPUTATION_*."""

from pydantic import Field, field_validator

from services.kits.outbound.allowed_hosts import HostList
from services.kits.webhooks.settings import WebhookSettings
from services.reputation.domain.brands import Brand, BrandKind, check_brand
from services.reputation.domain.errors import BrandInvalidError

OWN_BRAND = "own"


class ReputationSettings(WebhookSettings):
    """What reputation understands besides the chassis' settings."""

    own_names: tuple[str, ...] = Field(
        (),
        description='Names by which people speak of the shop itself, in any language, with commas: the brand "own".',
    )
    feed_allowed_hosts: HostList = Field(
        (),
        description="Hosts that feeds may be fetched from although they are not public: exact host:port pairs, "
        '"news.internal:8080". Empty: public addresses only.',
    )

    @field_validator("own_names")
    @classmethod
    def _are_names(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        if not values:
            return values
        try:
            return check_brand(Brand(OWN_BRAND, BrandKind.OWN, values)).names
        except BrandInvalidError as error:
            raise ValueError(error.message) from error

    @property
    def own_brands(self) -> tuple[Brand, ...]:
        """Return the shop itself as a brand, unless it has no name."""
        return (Brand(OWN_BRAND, BrandKind.OWN, self.own_names),) if self.own_names else ()

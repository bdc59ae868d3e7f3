"""What moves by itself: new mentions."""

from typing import Any, Final

from zhike.reputation.v1 import mention_service_pb2 as pb

from gateway.console.areas.pr.marks import READERS, opinion_shop
from gateway.console.live import Polled
from gateway.console.pages import Topic
from gateway.pr_clients import LIST_MENTIONS

EVERY_S: Final = 3.0


async def read_mentions(parts: Any, shop: str) -> tuple[str, int | None]:
    """Say which mention is the newest; it has no number in the navigation."""
    request = pb.ListMentionsRequest(shop=opinion_shop(parts, shop), page_size=1)
    found = (await LIST_MENTIONS.briefly(parts.caller, request)).mentions
    return (found[0].id if found else "none"), None


MENTIONS: Final = Topic("mentions", READERS, Polled(read_mentions, every_s=EVERY_S).follow)

"""Whether a call really comes from the tracking service that it names, by each service's own documented signature.

- AfterShip: the header aftership-hmac-sha256, the base64 of HMAC-SHA256 over the body (docs/tracking/webhook);
- 快递100: the form field sign, MD5 in hex over param and the salt of the subscription (推送接口);
- 快递鸟: the form field DataSign, the base64 of MD5 in hex over RequestData and the AppKey (轨迹推送).

MD5 is theirs, not our choice, so such calls belong behind HTTPS. Everyone else signs Standard Webhooks, which also ends
replays; the older three carry no time, and a call that is replayed tells facts that are known already.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
from urllib.parse import parse_qsl

from services.kits.webhooks.signing import verified
from services.orders.domain.carrier_errors import CarrierCallError, CarrierSignatureError
from services.orders.domain.carriers import World

AFTERSHIP_HEADER: Final = "aftership-hmac-sha256"
MAX_FORM_FIELDS: Final = 50


def form_fields(body: bytes) -> dict[str, str]:
    """Return the fields of a form, the first of each name. Raises CarrierCallError."""
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MAX_FORM_FIELDS)
    except ValueError as error:
        raise CarrierCallError("the body is no form in UTF-8", field="body") from error
    return dict(reversed(pairs))


def check_signature(
    world: World, headers: Mapping[str, str], body: bytes, secrets: Sequence[str], *, now: datetime
) -> None:
    """Return when the call is signed with one of the secrets; ``headers`` by lower-case name.

    Raises CarrierSignatureError, CarrierCallError, and of a Standard Webhook what its kit raises.
    """
    if world is World.SCHEMA_ORG:
        verified(headers, body, secrets, now)
        return
    given, expected = _signatures(world, headers, body, secrets)
    # Compared in constant time, with every secret, so that the time it takes says nothing of which one came close.
    matches = [hmac.compare_digest(given.encode(), each.encode()) for each in expected]
    if not given or not any(matches):
        raise CarrierSignatureError(f"the call is not signed as {world} signs, with a secret that is set up here")


def signed_form(world: World, content: str, secret: str) -> dict[str, str]:
    """Return the form that 快递100 or 快递鸟 send of this content: what the simulators and tests sign with."""
    if world is World.KUAIDI100:
        return {"sign": _md5_hex(content + secret).upper(), "param": content}
    if world is World.KDNIAO:
        return {"RequestData": content, "RequestType": "102", "DataSign": _kdniao(content, secret)}
    raise ValueError(f"{world} sends no form")


def aftership_signature(body: bytes, secret: str) -> str:
    """Return the header's value for a body."""
    return base64.b64encode(hmac.digest(secret.encode(), body, "sha256")).decode()


def _signatures(world: World, headers: Mapping[str, str], body: bytes, secrets: Sequence[str]) -> tuple[str, list[str]]:
    """Return the signature that came and those that would be right."""
    if world is World.AFTERSHIP:
        return headers.get(AFTERSHIP_HEADER, ""), [aftership_signature(body, secret) for secret in secrets]
    form = form_fields(body)
    if world is World.KUAIDI100:
        content = form.get("param", "")
        return form.get("sign", "").upper(), [_md5_hex(content + secret).upper() for secret in secrets]
    content = form.get("RequestData", "")
    return form.get("DataSign", ""), [_kdniao(content, secret) for secret in secrets]


def _kdniao(content: str, secret: str) -> str:
    return base64.b64encode(_md5_hex(content + secret).encode()).decode()


def _md5_hex(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()

"""What staff and shoppers do with Controls, scenes, cases, contacts, accounts and their own data, call by call.

``developer`` calls the real services and holds every answer against the document (test_answers.py).
"""

import struct
import zlib
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

CARD = "card:1000231"
DAY = (datetime.now(UTC) + timedelta(days=3)).date().isoformat()
WORDS = {"zh": "新鲜", "en": "fresh"}


def walk_desks(developer: Any) -> None:
    """Call every route of the desks at least once."""
    _staff(developer)
    _controls(developer)
    _scenes(developer)
    _cases(developer)
    _contacts(developer)
    _own_data(developer)


def png(width: int = 200, height: int = 200) -> bytes:
    """Return a plain picture."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    rows = (b"\x00" + b"\x80" * (3 * width)) * height
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def _staff(developer: Any) -> None:
    call = developer.call
    call("POST", "/v1/staff", status=201, json={"id": "li.na", "name": "Li Na", "roles": ["desk"]})
    for verb in ("reset", "disable", "enable"):
        call("POST", f"/v1/staff/{{id}}:{verb}", path=f"/v1/staff/li.na:{verb}", json={})
    call("GET", "/v1/staff")
    assert call("GET", "/v1/audit")["entries"]


def _controls(developer: Any) -> None:
    call, at = developer.call, "/v1/controls/{service}"
    here, one = "/v1/controls/recommendation", at + "/{control}"
    action = {"type": "exclude", "target": {"product_ids": ["p-1"]}}
    content = {"title": "no p-1", "condition": {"placements": ["popular"]}, "action": action}
    call("POST", at + ":check", path=f"{here}:check", json={"content": content})
    made = call("POST", at, path=here, status=201, json=content)
    control = f"{here}/{made['control']['id']}"
    call("GET", at, path=here)
    call("GET", one, path=control)
    call("PUT", one, path=control, json={**content, "note": "a test"})
    call("POST", at + ":preview", path=f"{here}:preview", json={"id": made["control"]["id"], "placement": "popular"})
    started = call("POST", at + ":dryRun", path=f"{here}:dryRun", status=202, json={"content": content, "sample": 10})
    developer.finish(started)
    call("GET", at + "/dry-runs/{operation}", path=f"{here}/dry-runs/{started['id']}")
    for verb in ("launch", "pause", "archive"):
        call("POST", f"{one}:{verb}", path=f"{control}:{verb}", json={})
    later = {**content, "start_time": (datetime.now(UTC) + timedelta(days=1)).isoformat()}
    scheduled = call("POST", at, path=here, status=201, json=later)["control"]["id"]
    call("POST", f"{one}:schedule", path=f"{here}/{scheduled}:schedule", json={})


def _scenes(developer: Any) -> None:
    call, one = developer.call, "/v1/scenes/{id}"
    picture = call("POST", "/v1/media", status=201, content=png(), headers={"Content-Type": "image/png"})
    assert call("GET", "/v1/media/{id}", path=f"/v1/media/{picture['id']}") == png()
    scene = {
        "name": "dinner",
        "media_id": picture["id"],
        "alt": WORDS,
        "title": WORDS,
        "benefits": [{"text": WORDS}],
        "hotspots": [{"x": 100, "y": 200, "product_id": "p-1"}],
    }
    scene_id = call("POST", "/v1/scenes", status=201, json=scene)["id"]
    at = f"/v1/scenes/{scene_id}"
    call("GET", one, path=at)
    call("PATCH", one, path=at, json={"name": "supper"})
    for verb in ("publish", "withdraw", "archive"):
        call("POST", f"{one}:{verb}", path=f"{at}:{verb}", json={})
    for path in ("/v1/scenes", "/v1/scene-segments"):
        call("GET", path)
    call("GET", "/v1/storefront/scenes", headers={"X-Visitor-Id": "v-0123456789abcdefghijklmn"})
    call("GET", "/v1/insights/queries/{query}", path="/v1/insights/queries/奶酪")


def _cases(developer: Any) -> None:
    call, one = developer.call, "/v1/cases/{id}"
    asked = {"kind": "complaint", "text": "It came warm.", "customer": CARD, "channel": "phone"}
    at = f"/v1/cases/{call('POST', '/v1/cases', status=201, json=asked)['id']}"
    call("GET", one, path=at)
    call("POST", f"{one}:assign", path=f"{at}:assign", json={"owner": "li.na"})
    for verb in ("note", "write", "reply"):
        call("POST", f"{one}:{verb}", path=f"{at}:{verb}", json={"text": "We look into it."})
    call("POST", f"{one}:close", path=f"{at}:close", json={"cause": "product-quality"})
    call("POST", f"{one}:reopen", path=f"{at}:reopen", json={"text": "again"})
    call("GET", "/v1/cases")
    call("GET", "/v1/cases:count")


def _contacts(developer: Any) -> None:
    call, one = developer.call, "/v1/contacts/{id}"
    path = "/v1/customers/{id}/consents/{purpose}"
    call("PUT", path, path=f"/v1/customers/{CARD}/consents/marketing", json={"granted": True, "source": "desk"})
    wanted = {"customer": CARD, "kind": "telephone", "purpose": "service", "day": DAY}
    first, second = (
        call("POST", "/v1/contacts", status=201, json={**wanted, "request_id": f"walk-contact-{number}"})
        for number in range(2)
    )
    at = f"/v1/contacts/{first['id']}"
    call("GET", one, path=at)
    call("POST", f"{one}:move", path=f"{at}:move", json={"owner": "li.na"})
    call("POST", f"{one}:complete", path=f"{at}:complete", json={"outcome": "reached"})
    call("POST", f"{one}:cancel", path=f"/v1/contacts/{second['id']}:cancel", json={})
    call("GET", "/v1/contacts")
    call("GET", "/v1/contacts:days")
    call("POST", "/v1/contacts:plan", json={"abc_class": "A"})
    call("GET", "/v1/customers:find", params={"q": CARD})
    call("GET", "/v1/customers/{id}/purchases", path=f"/v1/customers/{CARD}/purchases")


def _own_data(developer: Any) -> None:
    """A shopper with a token, then the desk at a shopper's word."""
    token = developer.call("POST", "/v1/shopper-tokens", status=201, json={"identifiers": ["login:u43"]})["token"]
    operator = developer.client
    developer.client = httpx.Client(
        base_url=operator.base_url, headers={"Authorization": f"Bearer {token}"}, timeout=30, trust_env=False
    )
    with developer.client:
        _me(developer)
    developer.client = operator
    call, export = developer.call, "/v1/exports/{id}"
    started = call("POST", "/v1/customers/{id}:export", path=f"/v1/customers/{CARD}:export", status=202, json={})
    _archive(developer, export, f"/v1/exports/{started['id']}")
    asked = {"confirm": "erase"}
    receipt = call("POST", "/v1/customers/{id}:erase", path=f"/v1/customers/{CARD}:erase", status=202, json=asked)
    one = "/v1/erasures/{id}"
    done = lambda: call("GET", one, path=f"/v1/erasures/{receipt['id']}")["state"] == "done"  # noqa: E731
    developer.eventually(done, "the erasure does not end")
    call("GET", "/v1/erasures")


def _me(developer: Any) -> None:
    call = developer.call
    call("GET", "/v1/me")
    call("PUT", "/v1/me/consents/{purpose}", path="/v1/me/consents/marketing", json={"granted": False})
    own = call("POST", "/v1/me/cases", status=201, json={"kind": "question", "text": "When does it come?"})
    at = f"/v1/me/cases/{own['id']}"
    call("GET", "/v1/me/cases/{id}", path=at)
    call("POST", "/v1/me/cases/{id}:write", path=f"{at}:write", json={"text": "And how?"})
    call("GET", "/v1/me/cases")
    started = call("POST", "/v1/me:export", status=202, json={})
    _archive(developer, "/v1/me/exports/{id}", f"/v1/me/exports/{started['id']}")
    call("POST", "/v1/me:erase", status=202, json={"confirm": "erase"})


def _archive(developer: Any, template: str, path: str) -> None:
    developer.eventually(
        lambda: developer.call("GET", template, path=path)["state"] == "ready", "the export does not end"
    )
    assert developer.call("GET", f"{template}/archive", path=f"{path}/archive").startswith(b"PK")

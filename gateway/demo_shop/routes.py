"""The demo shop's routes: the page, its files, and the small backend that a shop would run itself.

Mounted with ``demo`` only. The backend stands for the shop's own server: it holds a secret key of scope shop, decides
who the guest is (here by a switch, in a shop by its sign-in) and mints a shopper token. The page itself uses the
public API.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import orjson
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from gateway.demo_shop.personas import Persona, load_personas
from gateway.keys import KeyName, KeyStore
from gateway.principals import Principal, Role
from gateway.tokens import ShopperTokens
from services.chassis.errors import NotFoundError

STATIC: Final = Path(__file__).parent / "static"
TOKEN_LIFE_S: Final = 3_600
CHANNEL: Final = "web"
BROWSER_KEY: Final = "demo-shop-browser"
BACKEND_KEY: Final = "demo-shop-backend"
CSP: Final = "default-src 'self'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'; form-action 'self'"


class DemoShop:
    """The backend's state: its two keys, fresh with every start, since a key is shown only once."""

    def __init__(self, keys: KeyStore, tokens: ShopperTokens, *, data: Path, default_shop: str) -> None:
        self._keys, self._tokens, self._data, self._shop = keys, tokens, data, default_shop
        self._browser_key = ""
        self._backend: tuple[Principal, str] | None = None

    async def open(self) -> None:
        """Make the two keys; those of the last start are revoked."""
        _, self._browser_key = await self._fresh_key(BROWSER_KEY, Role.PUBLISHABLE)
        backend, _ = await self._fresh_key(BACKEND_KEY, Role.SHOP)
        self._backend = (backend.principal, f"{backend.name}.{backend.keys[-1].number}")

    def routes(self) -> Sequence[BaseRoute]:
        """Return what to mount."""
        return (
            Route("/shop/session", self._session, methods=["POST"]),
            Mount("/shop/static", StaticFiles(directory=STATIC)),
            Route("/shop", _page),
            Route("/shop/{path:path}", _page),
        )

    async def _session(self, request: Request) -> Response:
        personas = load_personas(self._data)
        wanted = request.query_params.get("persona", "")
        persona = next((each for each in personas if each.id == wanted), None)
        if wanted and persona is None:
            raise NotFoundError("there is no such guest", resource="persona", id=wanted)
        body = {
            "key": self._browser_key,
            "token": self._token(persona) if persona is not None else None,
            "persona": persona.as_json() if persona is not None else None,
            "personas": [each.as_json() for each in personas],
        }
        return Response(orjson.dumps(body), media_type="application/json", headers={"Cache-Control": "no-store"})

    def _token(self, persona: Persona) -> str:
        assert self._backend is not None, "open() comes first"
        principal, key_id = self._backend
        return self._tokens.mint(principal, key_id, persona.identifiers, life_s=TOKEN_LIFE_S)

    async def _fresh_key(self, name: str, role: Role) -> tuple[KeyName, str]:
        stored = await self._keys.get(name)
        for key in stored.live if stored is not None else ():
            await self._keys.revoke(f"{name}.{key.number}")
        wanted = KeyName(name=name, role=role, shop=self._shop, channel=CHANNEL, owner=name)
        return await self._keys.create(wanted)


async def _page(_request: Request) -> Response:
    """Every address of the shop is the same page; its script shows what the address names."""
    return FileResponse(STATIC / "shop.html", headers={"Content-Security-Policy": CSP, "Cache-Control": "no-cache"})

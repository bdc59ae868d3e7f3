"""Language and theme of a reader, kept in cookies of their browser; what a page says once after a form."""

import json
from http.cookies import SimpleCookie
from typing import Any, Final
from urllib.parse import quote, unquote

from starlette.requests import Request

from gateway.console.pages import Flash
from gateway.parameters import LANGUAGES, language_of

LANGUAGE_COOKIE: Final = "zhike_console_language"
THEME_COOKIE: Final = "zhike_console_theme"
FLASH_COOKIE: Final = "zhike_console_flash"
THEMES: Final = ("auto", "light", "dark")
YEAR_S: Final = 365 * 24 * 3_600
FLASH_LIMIT: Final = 2_000  # characters
TONES: Final = ("good", "info", "warn", "bad")


def reading_language(request: Request, own: str = "") -> str:
    """Return the language: chosen in the address, else in this browser, else the account's, else the browser's."""
    asked = request.query_params.get("language", "")
    chosen = asked if asked in LANGUAGES else request.cookies.get(LANGUAGE_COOKIE, "")
    chosen = chosen if chosen in LANGUAGES else own
    if chosen in LANGUAGES:
        return chosen
    return language_of("", request.headers.get("accept-language", "").encode("latin-1", "replace"))


def theme_of(request: Request) -> str:
    """Return auto, light or dark."""
    theme = request.cookies.get(THEME_COOKIE, "")
    return theme if theme in THEMES else "auto"


def cookie(name: str, value: str, *, life_s: int, secure: bool, http_only: bool = True) -> tuple[bytes, bytes]:
    """Return a Set-Cookie header for the console alone."""
    jar = SimpleCookie()
    jar[name] = value
    jar[name]["path"] = "/console"
    jar[name]["max-age"] = life_s
    jar[name]["samesite"] = "Lax"
    jar[name]["httponly"] = http_only
    jar[name]["secure"] = secure
    return b"set-cookie", jar[name].OutputString().encode("latin-1")


def flash_text(flash: Flash) -> str:
    """Return a flash as a cookie's value; one that is too long says nothing."""
    text = quote(json.dumps([flash.key, dict(flash.values), flash.tone], ensure_ascii=False), safe="")
    return text if len(text) <= FLASH_LIMIT else ""


def flash_of(request: Request) -> Flash | None:
    """Return what the last form left to say; a value that is none of ours counts as nothing."""
    text = request.cookies.get(FLASH_COOKIE, "")
    if not text or len(text) > FLASH_LIMIT:
        return None
    try:
        found: Any = json.loads(unquote(text))
        key, values, tone = found
    except ValueError:
        return None
    if not isinstance(key, str) or not isinstance(values, dict) or tone not in TONES:
        return None
    return Flash(key, {str(name): value for name, value in values.items() if isinstance(value, str | int)}, tone)

"""Answers what comes below /console: finds the page, asks who it is, shows it, handles its forms, dresses refusals."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from re import Pattern
from typing import Any, Final
from urllib.parse import quote, unquote
from zoneinfo import ZoneInfo

from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Mount, Route, compile_path
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.console import csv_export
from gateway.console.cells import Table, text_of
from gateway.console.formats import Formats
from gateway.console.forms import (
    FORM_NAME,
    SUBMIT,
    SUBMIT_ID,
    VERSION,
    FormState,
    Sent,
    Submits,
    errors_of,
    read_form,
    said_of,
    sent_by,
    typed_values,
)
from gateway.console.live import LiveStreams
from gateway.console.navigation import navigation_for
from gateway.console.pages import ROOT, Area, Download, Form, Page, Redirect
from gateway.console.policy import PolicyMiddleware
from gateway.console.preferences import (
    FLASH_COOKIE,
    LANGUAGE_COOKIE,
    cookie,
    flash_of,
    flash_text,
    reading_language,
    theme_of,
)
from gateway.console.registry import AREAS
from gateway.console.rendering import STATIC, rendered
from gateway.console.staffing import EVERYBODY, Member, Sessions
from gateway.console.visit import Visit
from gateway.console.words import Words
from gateway.endpoints import Parts
from gateway.errors import (
    STATUSES,
    STATUSES_BY_REASON,
    CredentialsMissingError,
    MethodNotAllowedError,
    RouteNotFoundError,
    ScopeMissingError,
    error_from_http,
)
from gateway.middleware.cors import Header
from gateway.middleware.record import headers_of, record_of
from gateway.staff.audit import watched_records
from services.chassis.errors import ErrorKind, ZhikeError
from services.chassis.logs import get_log, log_defect

SIGN_IN: Final = f"{ROOT}/sign-in"
LIVE: Final = f"{ROOT}/live"
NEW_PASSWORD: Final = f"{ROOT}/password"
FOR_EVER: Final = "public, max-age=31536000, immutable"
LONG_TABLE_PAGES: Final = 200  # that one CSV file is written from
TIME_ZONE: Final = "Asia/Shanghai"
_Outcome = tuple[Redirect | Download, list[Header]]  # of a form: what comes next, with which headers

log = get_log("console")


@dataclass(frozen=True, slots=True)
class _Routed:
    page: Page
    pattern: Pattern[str]


def _sent_path(request: Request) -> str:
    """Return the path as it was sent: a slash or a question mark in a value stays encoded until the page is found."""
    raw: bytes | None = request.scope.get("raw_path")
    return request.url.path if raw is None else raw.partition(b"?")[0].decode("latin-1")


class Console:
    """The console of a gateway. Tests build it with fakes and the same areas."""

    def __init__(
        self, parts: Parts, sessions: Sessions, *, areas: Sequence[Area] = AREAS, zone: str = TIME_ZONE
    ) -> None:
        self._parts, self._sessions, self._areas, self._zone = parts, sessions, areas, ZoneInfo(zone)
        pages = [page for area in areas for page in area.pages]
        self._fixed = {page.path: page for page in pages if "{" not in page.path}
        # A longer path is tried first: "/x/{id}/edit" before "/x/{id}".
        self._patterns = [
            _Routed(page, compile_path(page.path)[0])
            for page in sorted(pages, key=lambda page: -len(page.path))
            if "{" in page.path
        ]
        self._submits = Submits()
        self.live = LiveStreams([topic for area in areas for topic in area.topics])

    @property
    def areas(self) -> Sequence[Area]:
        """What stands in this console."""
        return self._areas

    def routes(self) -> Sequence[BaseRoute]:
        """Return what to mount."""
        return (
            Mount(f"{ROOT}/static", PolicyMiddleware(_Static(directory=STATIC))),
            Route(ROOT, PolicyMiddleware(self._answer)),  # a Mount has only what comes after a slash
            Mount(ROOT, PolicyMiddleware(self._answer)),
        )

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        response = await self._guarded(request)
        await response(scope, receive, send)

    async def _live(self, request: Request, member: Member | None) -> ASGIApp:
        """Open the tab's stream; it ends when its session does."""
        if member is None:
            raise CredentialsMissingError("sign in first")
        headers = dict(headers_of(request.scope))

        async def still_signed_in() -> bool:
            now = await self._sessions.member_of(headers)
            return now is not None and now.id == member.id

        return self.live.stream(self._visit(request, _LIVE_PAGE, {}, member), still_signed_in)

    async def _guarded(self, request: Request) -> ASGIApp:
        """Answer; a refusal is a page too."""
        try:
            if request.url.path == LIVE:
                record_of(request.scope).route = LIVE
                return await self._live(request, await self._sessions.member_of(headers_of(request.scope)))
            page, path = self._find(_sent_path(request)[len(ROOT) :] or "/")
            record_of(request.scope).route = f"{ROOT}{page.path}"
            member = await self._sessions.member_of(headers_of(request.scope))
            return await self._admitted(request, page, path, member)
        except ClientDisconnect:
            raise
        except ZhikeError as error:
            return await self._refused(request, error)
        except HTTPException as error:
            return await self._refused(request, error_from_http(error))
        except Exception as error:  # noqa: BLE001 - the console's interceptor: a defect is a page with a number
            log_defect(log, "page failed", error)
            return await self._refused(request, ZhikeError("internal error"))

    def _find(self, path: str) -> tuple[Page, Mapping[str, str]]:
        page = self._fixed.get(path)
        if page is not None:
            return page, {}
        for routed in self._patterns:
            match = routed.pattern.match(path)
            if match is not None:
                return routed.page, {name: unquote(value) for name, value in match.groupdict().items()}
        raise RouteNotFoundError("there is no such page")

    async def _admitted(self, request: Request, page: Page, path: Mapping[str, str], member: Member | None) -> Response:
        visit = self._visit(request, page, path, member)
        if request.method not in ("GET", "HEAD", "POST"):
            raise MethodNotAllowedError(["GET", "POST"])
        if page.roles:
            if member is None:
                return await self._signed_out(visit)
            record_of(request.scope).role = "staff"
            if member.must_change:
                return RedirectResponse(NEW_PASSWORD, HTTPStatus.SEE_OTHER)
            if not member.roles & page.roles:
                raise ScopeMissingError("this page is not for your roles")
        if request.method == "POST":
            return await self._posted(visit)
        return await self._shown(visit)

    def _visit(self, request: Request, page: Page, path: Mapping[str, str], member: Member | None) -> Visit:
        language = reading_language(request, member.member.language if member is not None else "")
        formats = Formats(language, self._zone, self._parts.clock.now())
        visit = Visit(
            request=request,
            page=page,
            member=member,
            parts=self._parts,
            words=Words(language),
            formats=formats,
            path=path,
            areas=self._areas,
        )
        if request.query_params.get("language") == language:
            visit.headers.append(_cookie(visit, LANGUAGE_COOKIE, language, 365 * 24 * 3_600))
        return visit

    async def _signed_out(self, visit: Visit) -> Response:
        """Nobody is signed in: sign in first, with the way back; what was typed in a form stays on the page."""
        request = visit.request
        if request.method != "POST":
            asked = request.url.path + (f"?{request.url.query}" if request.url.query else "")
            return RedirectResponse(f"{SIGN_IN}?next={quote(asked, safe='')}", HTTPStatus.SEE_OTHER)
        sent = await sent_by(request)
        kept = [(name, each) for name, each_of in sent.fields.items() if "password" not in name for each in each_of]
        context = self._context(visit, kept=kept, sign_in=f"{SIGN_IN}?next={quote(ROOT, safe='')}", lost=sent.files)
        return rendered("expired.html", context, status=HTTPStatus.UNAUTHORIZED)

    async def _shown(self, visit: Visit, status: int = HTTPStatus.OK, notice: str = "") -> Response:
        """Show the page, or one of its tables as a file."""
        wanted = visit.query.get("csv", "")
        if wanted and status == HTTPStatus.OK:
            return await self._exported(visit, wanted)
        view = await visit.page.show(visit)
        if not isinstance(view, dict):
            return self._gone_on(visit, view)
        flash = flash_of(visit.request)
        context = self._context(visit, **view, flash=flash, notice=notice)
        response = rendered(visit.page.template, context, status=status)
        if flash is not None:
            response.raw_headers.append(_cookie(visit, FLASH_COOKIE, "", 0))
        response.raw_headers.extend(visit.headers)
        return response

    async def _exported(self, visit: Visit, wanted: str) -> Response:
        """Read a table from its beginning to its end, or to the limit, and answer it as CSV."""
        visit.exporting, visit.cursor_override = wanted, ""
        heads: list[str] = []
        rows: list[list[str]] = []
        for _ in range(LONG_TABLE_PAGES):
            view = await visit.page.show(visit)
            table = _table_of(view, wanted) if isinstance(view, dict) else None
            if table is None:
                raise RouteNotFoundError("there is no such table")
            columns = [column for column in table.columns if column.export]
            heads = [visit.words(column.label) for column in columns]
            rows += [[text_of(column.value(row), visit.formats) for column in columns] for row in table.rows]
            visit.cursor_override = table.next_token
            if not table.next_token or len(rows) >= csv_export.ROWS_LIMIT:
                break
        cut = bool(visit.cursor_override) or len(rows) > csv_export.ROWS_LIMIT
        note = visit.words("table.cut", count=csv_export.ROWS_LIMIT) if cut else ""
        content = csv_export.written(heads, rows[: csv_export.ROWS_LIMIT], note=note)
        day = visit.formats.local(self._parts.clock.now()).date().isoformat()
        return self._gone_on(visit, Download(content, "text/csv; charset=utf-8", f"{wanted}-{day}.csv"))

    async def _posted(self, visit: Visit) -> Response:
        request = visit.request
        sent = await sent_by(request)
        form = next((each for each in visit.page.forms if each.name == sent.last(FORM_NAME)), None)
        if form is None:
            raise RouteNotFoundError("this page has no such form")
        if form.roles is not None and not visit.may(*form.roles):
            raise ScopeMissingError("this is not for your roles")
        submit = sent.last(SUBMIT)
        visit.submit_id = submit if SUBMIT_ID.fullmatch(submit) else visit.new_id()
        visit.version = sent.last(VERSION)[:200]
        try:
            model = read_form(form.model, sent)
            outcome, visit.headers = await self._acted(visit, form, model, sent)
        except (ValidationError, ZhikeError) as error:
            return await self._shown_again(visit, form, sent, error)
        finally:
            await request.close()
        return self._gone_on(visit, outcome)

    async def _acted(self, visit: Visit, form: Form, model: Any, sent: Sent) -> _Outcome:
        """Act; a second click of the same member that sent the very same gets the first one's outcome.

        Nothing is folded where nobody is signed in: there a session would go to whoever repeats a submit id.
        """
        if visit.member is None:
            return await _handled(form, visit, model)
        key = (visit.member.id, visit.request.url.path, form.name, visit.submit_id, sent.digest)
        return await self._submits.once(key, lambda: _handled(form, visit, model))

    async def _shown_again(self, visit: Visit, form: Form, sent: Sent, error: ValidationError | ZhikeError) -> Response:
        """Show the page with all that was typed, what is wrong with it, and what is stored meanwhile."""
        status = HTTPStatus.UNPROCESSABLE_ENTITY
        if isinstance(error, ZhikeError):
            if error.kind in {ErrorKind.INTERNAL, ErrorKind.NOT_FOUND, ErrorKind.FORBIDDEN}:
                raise error
            if error.kind is not ErrorKind.INVALID:
                status = _status_of(error)
            record_of(visit.request.scope).reason = error.reason
        stale = isinstance(error, ZhikeError) and error.kind is ErrorKind.PRECONDITION
        state = FormState(form.name, typed_values(sent), errors_of(error, visit.words), stale=stale)
        # A form that failed may be sent again: under the same id while it is unknown whether it acted, else anew.
        unknown = isinstance(error, ZhikeError) and error.kind in {ErrorKind.UNAVAILABLE, ErrorKind.DEADLINE}
        state.submit_id = visit.submit_id if unknown else visit.new_id()
        visit.forms[form.name] = state
        return await self._shown(visit, status, "stale" if stale else "invalid")

    def _gone_on(self, visit: Visit, outcome: Redirect | Download) -> Response:
        if isinstance(outcome, Download):
            headers = {"Content-Disposition": f'attachment; filename="{outcome.filename}"'}
            if isinstance(outcome.content, bytes):
                return Response(outcome.content, media_type=outcome.media_type, headers=headers)
            return StreamingResponse(outcome.content, media_type=outcome.media_type, headers=headers)
        response = RedirectResponse(outcome.location, HTTPStatus.SEE_OTHER)
        if outcome.flash is not None:
            response.raw_headers.append(_cookie(visit, FLASH_COOKIE, flash_text(outcome.flash), 60))
        response.raw_headers.extend(visit.headers)
        return response

    async def _refused(self, request: Request, error: ZhikeError) -> Response:
        """Show what went wrong, in the reader's language, with the number that the log knows it by."""
        record_of(request.scope).reason = error.reason
        if error.kind is ErrorKind.INTERNAL:
            log.error("page refused", reason=error.reason, message=error.message)
        try:
            member = await self._sessions.member_of(headers_of(request.scope))
        except ZhikeError:
            member = None  # the store of sessions is what is away
        visit = self._visit(request, _ERROR_PAGE, {}, member)
        status = _status_of(error)
        context = self._context(
            visit, status=int(status), kind=_KIND_WORDS.get(status, "broken"), said=said_of(error, visit.words)
        )
        return rendered("error.html", context, status=status)

    def _context(self, visit: Visit, **view: Any) -> dict[str, Any]:
        return {
            "flash": None,
            "notice": "",
            **view,
            "visit": visit,
            "t": visit.words,
            "f": visit.formats,
            "theme": theme_of(visit.request),
            "navigation": navigation_for(self._areas, visit),
        }


def _cookie(visit: Visit, name: str, value: str, life_s: int) -> Header:
    return cookie(name, value, life_s=life_s, secure=visit.secure)


async def _handled(form: Form, visit: Visit, model: Any) -> _Outcome:
    """Act, and leave a line in the trail even where the handler left none; the second of two clicks gets the first
    one's cookies too. Of what was typed the line has the names of the fields: what stood in them may be a customer's.
    """
    with watched_records() as recorded:
        outcome = await form.handle(visit, model)
    if visit.member is not None and visit.page.roles and not recorded:
        sent = {"fields": sorted(model.model_fields_set)}
        await visit.record(f"form.{form.name}", "page", visit.request.url.path[len(ROOT) :], before=None, after=sent)
    return outcome, visit.headers


class _Static(StaticFiles):
    """Files whose address changes with what they hold."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        record_of(scope).route = f"{ROOT}/static"
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = FOR_EVER if b"v=" in scope["query_string"] else "no-cache"
        return response


async def _nothing(_visit: Visit) -> dict[str, Any]:
    await asyncio.sleep(0)
    return {}


_ERROR_PAGE: Final = Page(path="", roles=frozenset(), title="error.title", template="error.html", show=_nothing)
_LIVE_PAGE: Final = Page(path="/live", roles=EVERYBODY, title="error.title", template="error.html", show=_nothing)
_KIND_WORDS: Final = {
    HTTPStatus.UNAUTHORIZED: "unauthorized",
    HTTPStatus.FORBIDDEN: "forbidden",
    HTTPStatus.NOT_FOUND: "not_found",
    HTTPStatus.CONFLICT: "conflict",
    HTTPStatus.PRECONDITION_FAILED: "conflict",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "too_large",
    HTTPStatus.BAD_REQUEST: "malformed",
    HTTPStatus.METHOD_NOT_ALLOWED: "malformed",
    HTTPStatus.TOO_MANY_REQUESTS: "too_many",
    HTTPStatus.SERVICE_UNAVAILABLE: "away",
    HTTPStatus.GATEWAY_TIMEOUT: "away",
}


def _status_of(error: ZhikeError) -> HTTPStatus:
    return STATUSES_BY_REASON.get(error.reason) or STATUSES[error.kind]


def _table_of(view: Mapping[str, Any], name: str) -> Table | None:
    return next((each for each in view.values() if isinstance(each, Table) and each.name == name), None)

"""Forms: what was sent, read by a model; errors beside their fields; doubles folded into one."""

import asyncio
import re
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Final, TypeVar, get_origin

from pydantic import ValidationError
from pydantic_core import ErrorDetails
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request

from gateway.console.pages import FormModel
from gateway.console.words import Words
from gateway.errors import FieldsInvalidError
from services.chassis.errors import InvalidArgumentError, ZhikeError

FIELDS_LIMIT: Final = 500
FILES_LIMIT: Final = 10
SUBMITS_LIMIT: Final = 2_000
SUBMIT_ID: Final = re.compile(r"[A-Za-z0-9_-]{16,64}", re.ASCII)
FORM_NAME, SUBMIT, VERSION = "_form", "_submit", "_version"
ROWS_LIMIT: Final = 200  # of a list of rows in one form
DEPTH_LIMIT: Final = 6  # of a field in a list of rows: "rows.0.name" is three deep
DIGEST_BYTES: Final = 16
PIECE_BYTES: Final = 256 * 1024

_ROW: Final = re.compile(r"[0-9]{1,9}", re.ASCII)  # number of a row

ResultT = TypeVar("ResultT")


@dataclass(frozen=True, slots=True)
class Sent:
    """The fields of a POST, as they came."""

    fields: Mapping[str, Sequence[str]]
    files: Mapping[str, UploadFile]

    def last(self, name: str) -> str:
        """Return the last value of a field, "" without one."""
        return (self.fields.get(name) or [""])[-1]

    @property
    def own(self) -> dict[str, Sequence[str]]:
        """Return the fields that are not the frame's."""
        return {name: values for name, values in self.fields.items() if not name.startswith("_")}

    @property
    def digest(self) -> str:
        """Return a digest of all that was sent."""
        files = sorted((name, each.filename, _content(each)) for name, each in self.files.items())
        fields = sorted((name, list(values)) for name, values in self.fields.items())
        return blake2b(repr((fields, files)).encode("utf-8", "backslashreplace"), digest_size=DIGEST_BYTES).hexdigest()


def _content(file: UploadFile) -> str:
    """Return a digest of a file's bytes, a few milliseconds for the largest that may be sent."""
    file.file.seek(0)
    digest = blake2b(digest_size=DIGEST_BYTES)
    while piece := file.file.read(PIECE_BYTES):
        digest.update(piece)
    file.file.seek(0)
    return digest.hexdigest()


async def sent_by(request: Request) -> Sent:
    """Read a POST: urlencoded or multipart. Raises InvalidArgumentError past the bounds, BodyTooLargeError."""
    form: FormData = await request.form(max_fields=FIELDS_LIMIT, max_files=FILES_LIMIT)
    fields: dict[str, list[str]] = {}
    files: dict[str, UploadFile] = {}
    for name, value in form.multi_items():
        if isinstance(value, UploadFile):
            if value.filename:
                files[name] = value
        else:
            fields.setdefault(name, []).append(value.replace("\r\n", "\n"))
    return Sent(fields, files)


@dataclass(slots=True)
class FormState:
    """A form on its page: what stands in the fields, what is wrong with them, what is stored meanwhile."""

    name: str
    values: dict[str, Any] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    stored: dict[str, Any] = field(default_factory=dict)
    submit_id: str = ""
    version: str = ""
    stale: bool = False  # somebody else's edit came between: ``stored`` is theirs, ``values`` what was typed

    def value(self, name: str) -> Any:
        """Return what a field shows."""
        return self.values.get(name, "")

    def changed_meanwhile(self, name: str) -> bool:
        """Say whether a field's stored value differs from what was typed over an older one."""
        return self.stale and name in self.stored and str(self.stored[name]) != str(self.values.get(name, ""))


def read_form(model: type[FormModel], sent: Sent) -> FormModel:
    """Return the fields as the model. Raises ValidationError."""
    given: dict[str, Any] = {}
    for name, values in sent.own.items():
        head, _, rest = name.partition(".")
        known = model.model_fields.get(head)
        if rest and name.count(".") < DEPTH_LIMIT:
            _put(given, name.split("."), values[-1])
        elif known is not None and get_origin(known.annotation) in (list, tuple, set, frozenset):
            given[name] = [value for value in values if value != ""]
        elif values[-1] != "":
            given[name] = values[-1]
    for name, upload in sent.files.items():
        given[name] = upload
    return model.model_validate(_lists(given))


def _put(tree: dict[str, Any], path: Sequence[str], value: str) -> None:
    for name in path[:-1]:
        below = tree.setdefault(name, {})
        if not isinstance(below, dict):
            return
        tree = below
    if value != "":
        tree[path[-1]] = value


def _lists(tree: Any) -> Any:
    """Return {"0": a, "1": b} as [a, b]; rows without any value are dropped."""
    if not isinstance(tree, dict):
        return tree
    if tree and all(_ROW.fullmatch(name) for name in tree):
        rows = [_lists(tree[name]) for name in sorted(tree, key=int)[:ROWS_LIMIT]]
        return [row for row in rows if row not in ({}, "", [])]
    return {name: _lists(value) for name, value in tree.items()}


def typed_values(sent: Sent) -> dict[str, Any]:
    """Return what was typed, for showing it again: a list where a field came several times. Never a password."""
    return {
        name: list(values) if len(values) > 1 else values[0]
        for name, values in sent.own.items()
        if "password" not in name
    }


def errors_of(error: ValidationError | ZhikeError, words: Words) -> dict[str, str]:
    """Return a text for each wrong field; "" is the form as a whole."""
    if isinstance(error, FieldsInvalidError):
        return {each.field: each.message for each in error.errors}
    if isinstance(error, InvalidArgumentError):
        return {error.metadata.get("field", ""): said_of(error, words)}
    if isinstance(error, ZhikeError):
        return {"": said_of(error, words)}
    found: dict[str, str] = {}
    for each in error.errors(include_url=False, include_input=False):
        found.setdefault(".".join(map(str, each["loc"])), _field_error(each, words))
    return found


def said_of(error: ZhikeError, words: Words) -> str:
    """Return what an error says in the reader's language where the words know its reason, else its own message."""
    key = f"problem.{error.reason}"
    if words.has(key):
        return words(key, **error.metadata)
    return error.message


def _field_error(error: ErrorDetails, words: Words) -> str:
    context = {name: str(value) for name, value in (error.get("ctx") or {}).items()}
    if error["type"] == "value_error" and words.has(context.get("error", "")):
        return words(context["error"])
    key = f"form.error.{error['type']}"
    return words(key, **context) if words.has(key) else words("form.error.invalid")


class Submits:
    """Outcomes of forms by their submit id: a second click, or a reload, gets the first one's answer.

    Only this process remembers them, and only so many; what makes a write happen once is the request id at its service.
    """

    def __init__(self, limit: int = SUBMITS_LIMIT) -> None:
        self._limit = limit
        self._known: OrderedDict[tuple[str, ...], asyncio.Future[Any]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._known)

    async def once(self, key: Iterable[str], act: Callable[[], Awaitable[ResultT]]) -> ResultT:
        """Act, or wait for what the same submit does already; what failed may be tried again."""
        name = tuple(key)
        running = self._known.get(name)
        if running is not None:
            first: ResultT = await asyncio.shield(running)
            return first
        future = self._known[name] = asyncio.ensure_future(_held(act))
        while len(self._known) > self._limit:
            self._known.popitem(last=False)
        try:
            return await asyncio.shield(future)
        except BaseException:
            if future.done() and self._known.get(name) is future:
                del self._known[name]
            raise


async def _held(act: Callable[[], Awaitable[ResultT]]) -> ResultT:
    return await act()

"""Owns the branches of one index on the server: which is live, opening, promoting by compare and set, dropping."""

from typing import Any, Final
from urllib.parse import quote

from services.chassis.searchindex.elastic_schema import (
    Names,
    branch_name,
    branch_number,
    creation,
    is_ours,
    mapping_problem,
)
from services.chassis.searchindex.elastic_server import Ask, IndexForeignError, Refused
from services.chassis.searchindex.port import BranchConflictError, IndexUnavailableError

OPEN_TRIES: Final = 20  # against as many processes that open branches at the same moment
_NOT_FOUND: Final = 404
# What the server says when another branch became live meanwhile: its alias may have a single index to write to.
_CLASHES: Final = frozenset({"illegal_state_exception", "illegal_argument_exception"})


class Branches:
    """The branches of one index. All raise Refused."""

    def __init__(self, ask: Ask, names: Names) -> None:
        self._ask, self._names = ask, names

    async def live(self) -> str | None:
        """Return the live branch. Raises IndexForeignError when something else lies under its name."""
        try:
            aliased = await self._ask("GET", f"/_alias/{quote(self._names.live)}")
        except Refused as refused:
            if refused.status != _NOT_FOUND:
                raise
            await self._check_unused()
            return None
        (index, *others) = aliased
        branch = self._names.branch_of(index)
        if branch is None or others:
            raise self._foreign(index, f"alias {self._names.live} names what is no branch")
        await self._check_mapping(index)
        return branch

    async def open(self) -> str:
        """Create an empty branch."""
        taken = [self._names.branch_of(index) for index in await self._every()]
        number = max((branch_number(branch) for branch in taken if branch), default=0)
        for tried in range(1, OPEN_TRIES + 1):
            branch = branch_name(number + tried)
            path = f"/{quote(self._names.branch(branch))}"
            try:
                await self._ask("PUT", path, body=creation(self._names, branch))
            except Refused as refused:
                if refused.kind not in {"resource_already_exists_exception", "invalid_index_name_exception"}:
                    raise
                continue
            await self._check_mapping(self._names.branch(branch))
            return branch
        raise BranchConflictError("too many branches are opened at once", index=self._names.schema.name)

    async def promote(self, branch: str, expected: str | None) -> None:
        """Make ``branch`` live if ``expected`` is. Raises BranchConflictError."""
        await self.refresh(branch, missing_is_conflict=True)
        actions = [self._unset(expected)] if expected is not None else []
        try:
            await self._change([*actions, self._set(branch)])
        except Refused as refused:
            if refused.kind == "invalid_alias_name_exception":
                raise self._foreign(self._names.live, "an index has the name of the live branch's alias") from refused
            if refused.status != _NOT_FOUND and refused.kind not in _CLASHES:
                raise
            raise self._conflict(branch) from refused

    async def drop_others(self, live: str) -> None:
        """Drop every other branch, of other schemas too, unless ``live`` is not live any more."""
        own = self._names.branch(live)
        others = [index for index in await self._every() if index != own]
        if not others:
            return
        try:
            await self._drop(others, live)
        except Refused as refused:
            if refused.status != _NOT_FOUND:
                raise  # 404: another promoter or dropper was here, who drops the rest

    async def drop(self, branch: str) -> None:
        """Drop a branch that is not live; silent when absent. Raises BranchConflictError."""
        live = await self.live()
        if branch == live:
            raise BranchConflictError("the live branch cannot be dropped", index=self._names.schema.name, branch=branch)
        if self._names.branch(branch) not in await self._every():
            return
        try:
            await self._drop([self._names.branch(branch)], live)
        except Refused as refused:
            if refused.status != _NOT_FOUND:
                raise
            raise self._conflict(branch) from refused

    async def refresh(self, branch: str | None, *, missing_is_conflict: bool = False) -> None:
        """Return when all that was written to the live or a named branch is visible."""
        try:
            answer = await self._ask("POST", f"/{self._target(branch)}/_refresh")
        except Refused as refused:
            if missing_is_conflict and branch is not None and refused.status == _NOT_FOUND:
                raise self._conflict(branch) from refused
            raise
        if answer["_shards"]["failed"]:
            raise IndexUnavailableError("a copy of the index could not be refreshed", index=self._names.schema.name)

    async def count(self, branch: str | None) -> int:
        """Return how many entries are visible in the live or a named branch."""
        answer = await self._ask("GET", f"/{self._target(branch)}/_count")
        return int(answer["count"])

    async def _drop(self, indexes: list[str], live: str | None) -> None:
        """Drop indexes in the same step that finds ``live`` live, so that none of them can have become so."""
        guard = [] if live is None else [self._unset(live), self._set(live)]
        await self._change([*guard, *({"remove_index": {"index": index}} for index in indexes)])

    async def _change(self, actions: list[dict[str, Any]]) -> None:
        answer = await self._ask("POST", "/_aliases", body={"actions": actions})
        if not answer.get("acknowledged"):
            raise IndexUnavailableError("the change of branches was not acknowledged", index=self._names.schema.name)

    async def _every(self) -> list[str]:
        """Return the indexes of all branches, of other schemas too; what is not ours is left alone."""
        params = {"filter_path": "*.mappings._meta,*.settings.index.uuid"}
        found = await self._ask("GET", f"/{quote(self._names.every, safe='*')}", params=params)
        return [
            index
            for index, about in found.items()
            if self._names.is_branch(index) and is_ours(about.get("mappings", {}))
        ]

    async def _check_mapping(self, index: str) -> None:
        mappings = (await self._ask("GET", f"/{quote(index)}/_mapping"))[index]["mappings"]
        problem = mapping_problem(mappings, self._names.schema)
        if problem:
            raise self._foreign(index, problem)

    async def _check_unused(self) -> None:
        found = await self._ask("GET", f"/_resolve/index/{quote(self._names.live)}*")
        if any(each["name"] == self._names.live for each in found.get("indices", [])):
            raise self._foreign(self._names.live, "an index has the name of the live branch's alias")

    def _target(self, branch: str | None) -> str:
        return quote(self._names.live if branch is None else self._names.writes(branch))

    def _set(self, branch: str) -> dict[str, Any]:
        return {"add": {"index": self._names.branch(branch), "alias": self._names.live, "is_write_index": True}}

    def _unset(self, branch: str) -> dict[str, Any]:
        return {"remove": {"index": self._names.branch(branch), "alias": self._names.live, "must_exist": True}}

    def _conflict(self, branch: str) -> BranchConflictError:
        message = "another branch is live or the branch does not exist"
        return BranchConflictError(message, index=self._names.schema.name, branch=branch)

    def _foreign(self, name: str, why: str) -> IndexForeignError:
        return IndexForeignError(f"{name} on the Elasticsearch server is not Zhike's: {why}", index=name)

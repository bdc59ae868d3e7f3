"""What staff change stands in the audit trail as it was before, too: without it, it reads as if it had been made."""

import ast
from collections.abc import Iterator
from pathlib import Path

GATEWAY = Path(__file__).resolve().parents[2] / "gateway"
# What makes something, adds to it or only has something done: there is no state of before.
NOTHING_BEFORE = frozenset(
    {
        *("create", "comment", "open", "plan", "plan_class", "rotate", "test", "replay"),
        *("train", "poll", "rebuild", "read", "redrive", "export", "download", "erase"),
    }
)


def recorded(path: Path) -> Iterator[tuple[int, str, frozenset[str | None]]]:
    """Yield line, last word of the action ("" where it is computed) and the keywords of each ``visit.record``."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or node.func.attr != "record":
            continue
        if isinstance(node.func.value, ast.Name) and node.func.value.id == "visit" and node.args:
            action = node.args[0]
            said = action.value if isinstance(action, ast.Constant) else ""
            yield node.lineno, str(said).rpartition(".")[2], frozenset(each.arg for each in node.keywords)


def test_every_change_is_recorded_with_what_was_before() -> None:
    calls = [
        (f"{path.relative_to(GATEWAY.parent)}:{line}", verb, keywords)
        for path in sorted((GATEWAY / "console").rglob("*.py"))
        for line, verb, keywords in recorded(path)
    ]
    assert len(calls) > 30, "the calls are found"
    silent = [
        f"{place} {verb}" for place, verb, keywords in calls if verb not in NOTHING_BEFORE and "before" not in keywords
    ]
    assert silent == []

"""As much of PromQL as a check of names needs: which metrics an expression asks for, with which labels."""

import re
from dataclasses import dataclass

_WORDS = {"and", "or", "unless", "bool", "offset", "inf", "nan", "atan2"}
_GROUPING = {"by", "without", "on", "ignoring", "group_left", "group_right"}
_TOKEN = re.compile(
    r"""(?P<text>"(?:[^"\\]|\\.)*")|(?P<name>[A-Za-z_:][A-Za-z0-9_:]*)|(?P<number>[0-9][0-9.a-z]*)"""
    r"""|(?P<sign>=~|!~|!=|==|>=|<=|[-+*/%^(){}\[\],=<>:@])|(?P<space>\s+)|(?P<bad>.)"""
)


class PromqlError(Exception):
    """An expression that cannot be read."""


@dataclass(frozen=True)
class Asked:
    """What an expression asks for. ``labels``: of each metric's matchers; ``grouped``: of by, on and the like."""

    labels: dict[str, set[str]]
    grouped: set[str]


def asked_by(expression: str) -> Asked:
    """Return the metrics and labels of an expression. Raises PromqlError."""
    tokens = [
        (kind, match.group()) for match in _TOKEN.finditer(expression) if (kind := str(match.lastgroup)) != "space"
    ]
    if any(kind == "bad" for kind, _ in tokens):
        raise PromqlError(expression)
    labels: dict[str, set[str]] = {}
    grouped: set[str] = set()
    place, metric = 0, ""
    while place < len(tokens):
        kind, text = tokens[place]
        following = tokens[place + 1][1] if place + 1 < len(tokens) else ""
        if kind == "name" and text in _GROUPING:
            if following != "(":
                raise PromqlError(f"{text} without labels: {expression}")
            end = _end(tokens, place + 1, ")", expression)
            grouped |= {each for token, each in tokens[place + 2 : end] if token == "name"}
            place = end
        elif kind == "name" and following not in {"(", "by", "without"} and text.lower() not in _WORDS:
            metric = text
            labels.setdefault(metric, set())
        elif text == "{":
            end = _end(tokens, place, "}", expression)
            if not metric:
                raise PromqlError(f"a selector without a name: {expression}")
            labels[metric] |= {
                tokens[at][1] for at in range(place + 1, end) if tokens[at][0] == "name" and tokens[at - 1][1] in "{,"
            }
            place = end
        elif text == "[":
            place = _end(tokens, place, "]", expression)
        place += 1
    return Asked(labels, grouped)


def _end(tokens: list[tuple[str, str]], start: int, sign: str, expression: str) -> int:
    for place in range(start, len(tokens)):
        if tokens[place] == ("sign", sign):
            return place
    raise PromqlError(f"no {sign}: {expression}")

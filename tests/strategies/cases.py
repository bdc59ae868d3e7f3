"""Lives of cases: what customers, the desk and the clock do, one after the other."""

from dataclasses import dataclass
from datetime import timedelta

from hypothesis import strategies as st

VERBS = ("reply", "note", "write", "assign", "close", "reopen")


@dataclass(frozen=True, slots=True)
class Step:
    """A verb after a pause; ``again``: sent a second time under the same request id."""

    verb: str
    pause: timedelta
    text: str
    again: bool = False


HOSTILE = st.sampled_from(
    [
        "<script>alert(1)</script>",
        "{{ 7*7 }}",
        '=HYPERLINK("http://x")',
        "‮反转",
        "a\x00b\u2028c",
        "好" * 500,
        "\r\n\t制表\tx",
        "🧀" * 20,
    ]
)
STEPS = st.builds(
    Step,
    st.sampled_from((*VERBS, "tick")),
    st.timedeltas(timedelta(0), timedelta(days=4)),
    HOSTILE | st.text("好abc <>&'\"", min_size=1, max_size=30).filter(lambda text: bool(text.strip())),
    st.booleans(),
)
LIVES = st.lists(STEPS, max_size=14)

"""How the address of a Ray cluster reads."""

import re
from typing import Final

OWN_RAY: Final = frozenset({"", "local"})
FOUND_BY_RAY: Final = "auto"
CLIENT_SCHEME: Final = "ray://"
_ADDRESS: Final = re.compile(r"(?:ray://)?(\[[0-9a-fA-F:]+\]|[^\s:/\[\]]+):([0-9]{1,5})")


def host_and_port(address: str) -> tuple[str, int] | None:
    """Return where ``host:port`` or ``ray://host:port`` listens, None for any other text."""
    found = _ADDRESS.fullmatch(address)
    if found is None or not 0 < int(found[2]) < 65_536:
        return None
    return found[1].strip("[]"), int(found[2])

"""Programs of others that check our files: from this environment or the machine."""

import os
import shutil
import sys
from pathlib import Path

import pytest


def tool(name: str) -> str:
    """Return the path of a program; without it the test skips, and fails in CI."""
    found = shutil.which(name, path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
    if found is None:
        reason = f"{name} is not on this machine"
        if os.environ.get("CI") == "true":
            pytest.fail(f"{reason}, and CI must check with it")
        pytest.skip(reason)
    return found

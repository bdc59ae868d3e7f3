"""Arrays and their description as one blob: an .npz without pickles, with JSON beside the arrays."""

import io
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from services.recommendation.domain.errors import SnapshotUnreadableError

META = "meta"


def pack(meta: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]], form: str) -> bytes:
    """Return the blob. ``form`` names what it is and its version."""
    described = np.frombuffer(orjson.dumps({**meta, "form": form}), dtype=np.uint8)
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **{META: described}, **arrays)
    return buffer.getvalue()


def unpack(content: bytes, form: str) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
    """Return description and arrays. Raises SnapshotUnreadableError for anything that is not this form."""
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as packed:
            arrays = {name: packed[name] for name in packed.files}
        meta: dict[str, Any] = orjson.loads(arrays.pop(META).tobytes())
    except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise SnapshotUnreadableError(f"this is no {form}") from error
    if meta.pop("form", None) != form:
        raise SnapshotUnreadableError(f"this is another form than {form}")
    return meta, arrays

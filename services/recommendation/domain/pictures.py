"""Reads what a picture is from its first bytes: never from its name or from what the sender says it is.

PNG (W3C PNG, 11.2.2), JPEG (ITU T.81, B.2.2) and WebP (RFC 9649, 2.5 to 2.7). SVG is refused: it can carry script.
"""

from dataclasses import dataclass
from struct import Struct
from typing import Final

from services.recommendation.domain.errors import PictureRefusedError, PictureTooLargeError

BYTES_LIMIT: Final = 4 * 1024 * 1024
SIDE_LEAST: Final = 200  # pixels; below, hotspots cannot be told apart
SIDE_LIMIT: Final = 4_096
PIXELS_LIMIT: Final = 12_000_000

_PNG: Final = b"\x89PNG\r\n\x1a\n"
_JPEG: Final = b"\xff\xd8\xff"
_SIZE: Final = Struct(">II")
_SEGMENT: Final = Struct(">H")
_FRAME: Final = Struct(">xHH")  # precision, height, width
# Start of frame: every way of coding but the tables (C4), the reserved one (C8) and arithmetic conditioning (CC).
_FRAMES: Final = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
_BARE: Final = frozenset({0x01, *range(0xD0, 0xD9)})  # markers without a length


@dataclass(frozen=True, slots=True)
class Picture:
    """What the bytes are. In pixels."""

    media_type: str
    width: int
    height: int


def picture_of(content: bytes) -> Picture:
    """Return what a picture is. Raises PictureRefusedError, PictureTooLargeError."""
    if len(content) > BYTES_LIMIT:
        raise PictureTooLargeError(f"a picture has at most {BYTES_LIMIT} bytes", field="file", limit=BYTES_LIMIT)
    picture = _png(content) or _jpeg(content) or _webp(content)
    if picture is None:
        raise PictureRefusedError("a picture is a PNG, JPEG or WebP file", field="file")
    sides = sorted((picture.width, picture.height))
    if sides[0] < SIDE_LEAST or sides[1] > SIDE_LIMIT or sides[0] * sides[1] > PIXELS_LIMIT:
        raise PictureRefusedError(
            f"{picture.width} × {picture.height} pixels; a side has {SIDE_LEAST} to {SIDE_LIMIT}, "
            f"the picture at most {PIXELS_LIMIT}",
            field="file",
        )
    return picture


def _png(content: bytes) -> Picture | None:
    if not content.startswith(_PNG) or content[12:16] != b"IHDR" or len(content) < 33:
        return None
    return Picture("image/png", *_SIZE.unpack_from(content, 16))


def _jpeg(content: bytes) -> Picture | None:
    if not content.startswith(_JPEG):
        return None
    place = 2
    while place + 4 <= len(content):
        if content[place] != 0xFF:
            return None
        marker = content[place + 1]
        if marker == 0xFF:  # fill
            place += 1
            continue
        if marker in _BARE:
            place += 2
            continue
        (length,) = _SEGMENT.unpack_from(content, place + 2)
        if marker in _FRAMES:
            if place + 9 > len(content):
                return None
            height, width = _FRAME.unpack_from(content, place + 4)
            return Picture("image/jpeg", width, height)
        if length < 2 or marker == 0xDA:  # the scan comes after its frame
            return None
        place += 2 + length
    return None


def _webp(content: bytes) -> Picture | None:
    if content[:4] != b"RIFF" or content[8:12] != b"WEBP" or len(content) < 30:
        return None
    kind, data = content[12:16], content[20:]
    if kind == b"VP8X":
        width = 1 + int.from_bytes(data[4:7], "little")
        height = 1 + int.from_bytes(data[7:10], "little")
    elif kind == b"VP8L" and data[0] == 0x2F:
        bits = int.from_bytes(data[1:5], "little")
        width, height = 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    elif kind == b"VP8 " and data[3:6] == b"\x9d\x01\x2a":
        width = int.from_bytes(data[6:8], "little") & 0x3FFF
        height = int.from_bytes(data[8:10], "little") & 0x3FFF
    else:
        return None
    return Picture("image/webp", width, height)

"""What a picture is, by its bytes alone."""

import contextlib
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.recommendation.domain.errors import PictureRefusedError, PictureTooLargeError
from services.recommendation.domain.pictures import BYTES_LIMIT, PIXELS_LIMIT, SIDE_LEAST, SIDE_LIMIT, picture_of


def png(width: int = 640, height: int = 480) -> bytes:
    head = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + head + struct.pack(">I", zlib.crc32(head)) + b"rest"


def jpeg(width: int = 640, height: int = 480, *, marker: int = 0xC2) -> bytes:
    exif = b"\xff\xe1" + struct.pack(">H", 12) + b"Exif\0\0abcd"
    frame = b"\xff" + bytes([marker]) + struct.pack(">HBHHB", 11, 8, height, width, 1) + b"\x01\x11\x00"
    return b"\xff\xd8" + exif + b"\xff" + frame + b"\xff\xda\x00\x02"


def webp(kind: bytes, data: bytes) -> bytes:
    body = b"WEBP" + kind + struct.pack("<I", len(data)) + data.ljust(20, b"\0")
    return b"RIFF" + struct.pack("<I", len(body)) + body


WEBPS = {
    b"VP8X": b"\0\0\0\0" + (639).to_bytes(3, "little") + (479).to_bytes(3, "little"),
    b"VP8L": b"\x2f" + (639 | 479 << 14).to_bytes(4, "little"),
    b"VP8 ": b"\0\0\0\x9d\x01\x2a" + struct.pack("<HH", 640, 480),
}


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (png(), "image/png"),
        (jpeg(), "image/jpeg"),
        (jpeg(marker=0xC0), "image/jpeg"),
        *((webp(kind, data), "image/webp") for kind, data in WEBPS.items()),
    ],
)
def test_type_and_size_come_from_the_bytes(content: bytes, media_type: str) -> None:
    picture = picture_of(content)
    assert (picture.media_type, picture.width, picture.height) == (media_type, 640, 480)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
        b"\xef\xbb\xbf<?xml version='1.0'?><svg/>",
        b"GIF89a" + b"\0" * 40,
        b"%PDF-1.7",
        png()[:20],
        jpeg()[:20],
        b"\xff\xd8\xff\xda" + b"\0" * 40,
        b"\xff\xd8\xff\xe1\x00\x00" + b"\0" * 40,
        webp(b"ICCP", b"x"),
    ],
)
def test_everything_else_is_refused(content: bytes) -> None:
    with pytest.raises(PictureRefusedError):
        picture_of(content)


def test_sides_have_bounds() -> None:
    assert picture_of(png(SIDE_LEAST, SIDE_LEAST)).width == SIDE_LEAST
    for width, height in (
        (SIDE_LEAST - 1, 400),
        (400, SIDE_LIMIT + 1),
        (SIDE_LIMIT, PIXELS_LIMIT // SIDE_LIMIT + 1),
        (0, 0),
    ):
        with pytest.raises(PictureRefusedError, match="pixels"):
            picture_of(png(width, height))


def test_one_byte_too_many() -> None:
    assert picture_of(png().ljust(BYTES_LIMIT, b"\0"))
    with pytest.raises(PictureTooLargeError):
        picture_of(png().ljust(BYTES_LIMIT + 1, b"\0"))


@given(st.binary(max_size=200), st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"RIFF\0\0\0\0WEBPVP8X"]))
def test_no_bytes_break_it(tail: bytes, head: bytes) -> None:
    with contextlib.suppress(PictureRefusedError):
        picture_of(head + tail)

"""Draws the demo's pictures of goods in use: flat shapes, smooth edges, nobody else's files; PNG without a library.

Shapes are drawn on a grid twice as fine as the picture and averaged down. Coordinates are in thousandths of the width.
"""

import struct
import zlib
from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

WIDTH: Final = 960
HEIGHT: Final = 600
FINE: Final = 2
TALL: Final = 1_000 * HEIGHT // WIDTH  # the picture's height in thousandths of its width

Colour = str  # "#rrggbb"
Mask = npt.NDArray[np.bool_]


class Canvas:
    """A picture in the making."""

    def __init__(self, sky: Colour, table: Colour, horizon: int = 400) -> None:
        self._pixels = np.empty((HEIGHT * FINE, WIDTH * FINE, 3), dtype=np.float32)
        scale = 1_000 / (WIDTH * FINE)
        self._x = (np.arange(WIDTH * FINE, dtype=np.float32) + 0.5)[None, :] * scale
        self._y = (np.arange(HEIGHT * FINE, dtype=np.float32) + 0.5)[:, None] * scale
        self._pixels[:] = _rgb(sky)
        self.paint(np.broadcast_to(self._y > horizon, self._pixels.shape[:2]), table)
        self.paint(np.broadcast_to(abs(self._y - horizon) < 2, self._pixels.shape[:2]), "#000000", 0.12)

    def paint(self, mask: Mask, colour: Colour, strength: float = 1.0) -> None:
        """Lay a colour over the places of a mask."""
        here = self._pixels[mask]
        self._pixels[mask] = here * (1 - strength) + _rgb(colour) * strength

    def oval(self, x: float, y: float, rx: float, ry: float) -> Mask:
        """Return an ellipse about (x, y)."""
        return np.asarray(((self._x - x) / rx) ** 2 + ((self._y - y) / ry) ** 2 <= 1)

    def box(self, x: float, y: float, width: float, height: float, round_: float = 0) -> Mask:
        """Return a rectangle from its upper left corner, with round corners."""
        across = np.maximum(abs(self._x - x - width / 2) - width / 2 + round_, 0)
        down = np.maximum(abs(self._y - y - height / 2) - height / 2 + round_, 0)
        return np.asarray(across**2 + down**2 <= max(round_, 0.01) ** 2)

    def shape(self, points: Sequence[tuple[float, float]]) -> Mask:
        """Return a convex polygon, its corners named clockwise."""
        mask = np.ones(self._pixels.shape[:2], dtype=bool)
        for (ax, ay), (bx, by) in zip(points, [*points[1:], points[0]], strict=True):
            mask &= np.asarray((bx - ax) * (self._y - ay) - (by - ay) * (self._x - ax) >= 0)
        return mask

    def shadow(self, x: float, y: float, rx: float) -> None:
        """Lay the shadow of something that stands at (x, y)."""
        self.paint(self.oval(x, y, rx, rx * 0.18), "#000000", 0.14)

    def png(self) -> bytes:
        """Return the file."""
        small = self._pixels.reshape(HEIGHT, FINE, WIDTH, FINE, 3).mean(axis=(1, 3)).round().astype(np.uint8)
        rows = np.zeros((HEIGHT, WIDTH * 3 + 1), dtype=np.uint8)
        rows[:, 1:] = small.reshape(HEIGHT, WIDTH * 3)
        head = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 2, 0, 0, 0)
        parts = ((b"IHDR", head), (b"IDAT", zlib.compress(rows.tobytes(), 9)), (b"IEND", b""))
        return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, content) for name, content in parts)


def breakfast() -> bytes:
    """Milk, bread, coffee, eggs and juice in the morning sun. Hotspots: 185/330, 430/440, 640/470, 815/480, 930/350."""
    canvas = Canvas("#ffe9c7", "#c98f5b")
    canvas.paint(canvas.oval(840, 120, 90, 90), "#ffd36b")
    _window(canvas, 90, 40)
    _bottle(canvas, 185, 430, "#fdfdfb", "#4a78c9")
    _loaf(canvas, 430, 470)
    _mug(canvas, 640, 480, "#d9483b", "#4b2c1a")
    _eggs(canvas, 815, 500)
    _carton(canvas, 930, 440, "#f59b2d", "#2f8f4e")
    return canvas.png()


def baking() -> bytes:
    """Flour, butter, chocolate and the cake that comes of them. Hotspots: 190/360, 405/470, 590/480, 815/410."""
    canvas = Canvas("#fbdfe3", "#e9d3b4")
    _tiles(canvas, "#f6c9d0")
    _bag(canvas, 190, 440, "#f7f3ea", "#b8482f")
    _butter(canvas, 405, 490)
    _chocolate(canvas, 590, 500)
    _cake(canvas, 815, 470)
    return canvas.png()


def dinner() -> bytes:
    """Tomatoes, salad, cheese and pasta for the evening. Hotspots: 170/455, 400/450, 650/480, 880/330."""
    canvas = Canvas("#d7ecdf", "#7b5438")
    _tiles(canvas, "#c4e0cf")
    for x, y in ((130, 470), (205, 485), (165, 425)):
        _tomato(canvas, x, y)
    _bowl(canvas, 400, 470)
    _cheese(canvas, 650, 500)
    _pasta(canvas, 880, 430)
    return canvas.png()


def _window(canvas: Canvas, x: float, y: float) -> None:
    canvas.paint(canvas.box(x, y, 330, 260, 10), "#ffffff")
    for left in (x + 14, x + 172):
        canvas.paint(canvas.box(left, y + 14, 144, 232, 4), "#bfe3f5")
        canvas.paint(canvas.oval(left + 50, y + 190, 40, 30) & canvas.box(left, y + 14, 144, 232, 4), "#ffffff", 0.7)


def _tiles(canvas: Canvas, colour: Colour) -> None:
    for row in range(4):
        for column in range(11):
            x = column * 100 - (row % 2) * 50 + 3
            canvas.paint(canvas.box(x, row * 100 + 3, 94, 94, 8), colour)


def _bottle(canvas: Canvas, x: float, y: float, colour: Colour, label: Colour) -> None:
    canvas.shadow(x + 14, y + 34, 76)
    canvas.paint(canvas.box(x - 52, y - 190, 104, 224, 22), colour)
    canvas.paint(canvas.shape([(x - 26, y - 262), (x + 26, y - 262), (x + 52, y - 172), (x - 52, y - 172)]), colour)
    canvas.paint(canvas.box(x - 30, y - 284, 60, 30, 8), label)
    canvas.paint(canvas.box(x - 52, y - 120, 104, 92), label)
    canvas.paint(canvas.oval(x, y - 74, 32, 24), "#ffffff")
    canvas.paint(canvas.box(x - 44, y - 180, 12, 196, 6), "#ffffff", 0.5)


def _loaf(canvas: Canvas, x: float, y: float) -> None:
    canvas.paint(canvas.box(x - 140, y + 6, 280, 30, 10), "#8a5a35")
    canvas.paint(canvas.oval(x, y - 30, 116, 56), "#b8702c")
    canvas.paint(canvas.box(x - 116, y - 36, 232, 46, 14), "#b8702c")
    canvas.paint(canvas.oval(x - 4, y - 42, 96, 36), "#d8923f")
    for step in (-58, -10, 38):
        left = x + step
        cut = [(left, y - 74), (left + 16, y - 74), (left + 34, y - 24), (left + 18, y - 24)]
        canvas.paint(canvas.shape(cut), "#f3cf93")


def _mug(canvas: Canvas, x: float, y: float, colour: Colour, inside: Colour) -> None:
    canvas.shadow(x + 10, y + 40, 74)
    canvas.paint(canvas.oval(x + 62, y - 18, 36, 40) & ~canvas.oval(x + 62, y - 18, 20, 24), colour)
    canvas.paint(canvas.box(x - 62, y - 80, 124, 122, 22), colour)
    canvas.paint(canvas.oval(x, y - 80, 62, 17), "#f6e8d8")
    canvas.paint(canvas.oval(x, y - 79, 52, 12), inside)
    for offset, height in ((-20, 130), (6, 152), (30, 128)):
        canvas.paint(canvas.oval(x + offset, y - height, 6, 26), "#ffffff", 0.55)


def _eggs(canvas: Canvas, x: float, y: float) -> None:
    canvas.shadow(x, y + 28, 78)
    for offset, lift, colour in ((-40, 0, "#f3d3b3"), (38, 2, "#f8e4cd"), (0, -30, "#e9bd94")):
        canvas.paint(canvas.oval(x + offset, y - 4 + lift, 34, 42), colour)
        canvas.paint(canvas.oval(x + offset - 10, y - 20 + lift, 9, 12), "#ffffff", 0.6)


def _carton(canvas: Canvas, x: float, y: float, colour: Colour, cap: Colour) -> None:
    canvas.shadow(x + 6, y + 34, 66)
    canvas.paint(canvas.shape([(x - 30, y - 236), (x + 30, y - 236), (x + 52, y - 180), (x - 52, y - 180)]), "#ffffff")
    canvas.paint(canvas.box(x - 52, y - 182, 104, 216, 6), colour)
    canvas.paint(canvas.box(x - 18, y - 258, 36, 24, 6), cap)
    canvas.paint(canvas.oval(x, y - 78, 36, 36), "#ffd08a")
    canvas.paint(canvas.oval(x, y - 78, 28, 28), "#ff8a1f")
    canvas.paint(canvas.oval(x + 18, y - 112, 18, 8), cap)


def _bag(canvas: Canvas, x: float, y: float, colour: Colour, label: Colour) -> None:
    canvas.shadow(x + 8, y + 40, 106)
    canvas.paint(canvas.box(x - 88, y - 196, 176, 236, 16), colour)
    canvas.paint(canvas.box(x - 88, y - 214, 176, 34, 6), "#e6dcc8")
    canvas.paint(canvas.box(x - 88, y - 130, 176, 96), label)
    canvas.paint(canvas.oval(x, y - 82, 44, 30), "#fff4d8")
    for offset in (-22, 0, 22):
        canvas.paint(canvas.oval(x + offset, y - 84, 7, 22), "#d9a441")


def _butter(canvas: Canvas, x: float, y: float) -> None:
    canvas.paint(canvas.oval(x, y + 22, 122, 22), "#ffffff")
    canvas.paint(canvas.box(x - 92, y - 44, 184, 62, 8), "#ffe27a")
    canvas.paint(canvas.shape([(x - 70, y - 66), (x + 112, y - 66), (x + 92, y - 42), (x - 92, y - 42)]), "#fff0ae")
    canvas.paint(canvas.box(x + 40, y - 44, 6, 62), "#e8c352")


def _chocolate(canvas: Canvas, x: float, y: float) -> None:
    canvas.shadow(x + 4, y + 24, 96)
    canvas.paint(canvas.box(x - 84, y - 66, 168, 88, 8), "#4a2413")
    for row in range(2):
        for column in range(4):
            canvas.paint(canvas.box(x - 78 + column * 40, y - 60 + row * 40, 34, 34, 5), "#6b3a20")
    canvas.paint(canvas.box(x - 84, y - 22, 168, 44, 4), "#c23b4e")


def _cake(canvas: Canvas, x: float, y: float) -> None:
    canvas.paint(canvas.oval(x, y + 40, 158, 28), "#ffffff")
    canvas.paint(canvas.box(x - 120, y - 86, 240, 124, 14), "#f2c98a")
    canvas.paint(canvas.box(x - 120, y - 30, 240, 16), "#c23b4e")
    canvas.paint(canvas.box(x - 128, y - 112, 256, 50, 24), "#fff4f0")
    for offset in (-92, -46, 0, 46, 92):
        canvas.paint(canvas.oval(x + offset, y - 66, 16, 26), "#fff4f0")
    for offset in (-78, -26, 26, 78):
        canvas.paint(canvas.oval(x + offset, y - 124, 18, 20), "#d8283c")
        canvas.paint(canvas.oval(x + offset - 5, y - 130, 4, 5), "#ffffff", 0.7)


def _tomato(canvas: Canvas, x: float, y: float) -> None:
    canvas.shadow(x + 4, y + 40, 50)
    canvas.paint(canvas.oval(x, y, 48, 44), "#d93a2b")
    canvas.paint(canvas.oval(x - 16, y - 14, 12, 9), "#ffffff", 0.45)
    for dx, dy in ((-14, -38), (0, -44), (14, -38)):
        canvas.paint(canvas.oval(x + dx, y + dy, 13, 6), "#2f7d3b")


def _bowl(canvas: Canvas, x: float, y: float) -> None:
    canvas.shadow(x, y + 62, 120)
    dark, light = "#4fa84b", "#6cc25a"
    leaves = ((-88, -24, dark), (-40, -52, light), (12, -40, "#3f9440"), (62, -50, "#7bd06a"), (96, -18, dark))
    for dx, dy, colour in leaves:
        canvas.paint(canvas.oval(x + dx, y + dy, 52, 34), colour)
    for dx, dy in ((-26, -34), (48, -26)):
        canvas.paint(canvas.oval(x + dx, y + dy, 18, 16), "#d93a2b")
    canvas.paint(canvas.oval(x, y, 150, 66) & canvas.box(x - 150, y - 6, 300, 80), "#f4efe6")
    canvas.paint(canvas.box(x - 150, y - 14, 300, 18, 9), "#ffffff")


def _cheese(canvas: Canvas, x: float, y: float) -> None:
    canvas.paint(canvas.box(x - 130, y + 6, 260, 26, 8), "#a8774b")
    canvas.paint(canvas.shape([(x - 110, y - 30), (x + 106, y - 96), (x + 106, y - 62), (x - 110, y - 28)]), "#ffe28a")
    canvas.paint(canvas.shape([(x - 110, y - 30), (x + 106, y - 66), (x + 106, y + 8), (x - 110, y + 8)]), "#f7c441")
    for dx, dy, radius in ((-48, -8, 13), (14, -26, 17), (66, -8, 12), (78, -44, 9)):
        canvas.paint(canvas.oval(x + dx, y + dy, radius, radius * 0.85), "#d99f25")


def _pasta(canvas: Canvas, x: float, y: float) -> None:
    canvas.shadow(x + 6, y + 42, 80)
    canvas.paint(canvas.box(x - 62, y - 220, 124, 264, 10), "#2b5fb3")
    canvas.paint(canvas.box(x - 40, y - 176, 80, 150, 20), "#fff2cf")
    for step in range(7):
        canvas.paint(canvas.box(x - 34 + step * 10, y - 166, 5, 132, 2), "#e5b94e")
    canvas.paint(canvas.box(x - 62, y - 10, 124, 26), "#d93a2b")


def _rgb(colour: Colour) -> npt.NDArray[np.float32]:
    return np.frombuffer(bytes.fromhex(colour[1:]), dtype=np.uint8).astype(np.float32)


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

"""Scenes: a product's benefit shown for a segment."""

from typing import Final

from gateway.console.areas.scenes import gallery, scene
from gateway.console.pages import Area

AREA: Final = Area(name="scenes", pages=(gallery.PAGE, scene.PAGE), cards=(gallery.CARD,))

"""All areas of the console, in the order of the navigation. An area's package declares AREA; its owner fills it."""

from typing import Final

from gateway.console.areas import (
    controls,
    desk,
    goods,
    insight,
    operations,
    pr,
    privacy,
    scenes,
    staff,
    start,
)
from gateway.console.pages import Area

AREAS: Final[tuple[Area, ...]] = (
    start.AREA,
    insight.AREA,
    controls.AREA,
    scenes.AREA,
    pr.AREA,
    desk.AREA,
    goods.AREA,
    privacy.AREA,
    operations.AREA,
    staff.AREA,
)

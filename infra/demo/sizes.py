"""Turns the data's package sizes ("6 PK/8 OZ", "L    16 OZ", "1/2 GAL") into words: US units or metric in Chinese."""

import re
from dataclasses import dataclass
from typing import Final

_UNITS: Final = {
    **dict.fromkeys(("OZ", "OZS", "OZS.", "O", "Z", "FL OZ"), "oz"),
    **dict.fromkeys(("LB", "LBS"), "lb"),
    **dict.fromkeys(("GA", "GAL", "GALON"), "gal"),
    **dict.fromkeys(("L", "LT", "LTR"), "L"),
    **dict.fromkeys(("CT", "CTS", "PC", "PCS"), "count"),
    **dict.fromkeys(("PK", "PKS", "P"), "pack"),
    **dict.fromkeys(("DZ", "DOZ"), "dozen"),
    **dict.fromkeys(("LOAD", "LOADS", "LD", "LDS"), "loads"),
    **dict.fromkeys(("STEM", "STEMS"), "stems"),
    "QT": "qt",
    "PT": "pt",
    "ML": "ml",
    "G": "g",
    "SQ FT": "sq ft",
    "FT": "ft",
    "IN": "in",
    "USE": "uses",
    "KIT": "kit",
    "CTN": "carton",
}
# Words after the unit say how it is packed; a word without words of its own is left out.
_PACKING: Final = {
    **dict.fromkeys(("CAN", "CN"), ("can", "罐装")),
    **dict.fromkeys(("BTL", "PET", "NR", "LNNR"), ("bottle", "瓶装")),
    **dict.fromkeys(("AERO", "AEROS"), ("spray", "喷雾装")),
    "REFIL": ("refill", "补充装"),
    "TUB": ("tub", "桶装"),
    "BAG": ("bag", "袋装"),
    "JUMBO": ("jumbo", "加大装"),
    "LOOSE": ("loose", "散装"),
    "FM": ("", ""),
}
_WHOLE: Final = {
    "LARGE": ("large", "大束"),
    "MINI": ("mini", "迷你"),
    "CELL PK": ("cell pack", "穴盘装"),
    "CTN": ("carton", "整条"),
    "PK": ("pack", "盒装"),
    "3 X5 100 CT": ("3 × 5 in, 100 count", "3×5英寸 100张装"),
}
_GRAMS: Final = {"oz": 28.3495, "lb": 453.592, "g": 1.0}
_MILLILITRES: Final = {"oz": 29.5735, "gal": 3785.41, "qt": 946.353, "pt": 473.176, "L": 1000.0, "ml": 1.0}
_HALVES: Final = {0.25: "¼", 0.5: "½", 0.75: "¾"}
_AMOUNTS: Final = frozenset(_GRAMS) | frozenset(_MILLILITRES)
_COUNTS: Final = frozenset({"count", "pack"})
# Shelves write 1134 g and 2.27 kg; weights a tenth of an ounce apart must not round to the same words.
_KILOGRAMS_FROM: Final = 2000.0
# Above this "12 PK/300 OZ" or "4 PK/16 OZ" gives the total, not the single pack.
_LARGEST_SINGLE_FL_OZ: Final = 40.0
_LARGEST_SINGLE_OZ: Final = 9.5
_LARGEST_BAG_COUNT: Final = 6

_CODE: Final = re.compile(r"^(?:[LNBR] +(?=[\d.])|\d{5,} +|\(\d+\) +)")
_TYPING_SLIP: Final = re.compile(r"(\d) 00 (?=OZ)")
_FRACTION: Final = re.compile(r"(?<![\d.])(?:(\d+) )?(1/2|[13]/4|[1357]/8) *(?=OZ|GAL|PT|QT|L\b)")
_PART: Final = re.compile(r"^(\d*\.?\d+)?(?: ?([-X]) ?(\d*\.?\d+))? *((?:SQ |FL )?[A-Z.]*)((?: [A-Z]+)*)$")


@dataclass(frozen=True, slots=True)
class SizeWords:
    """A size in both languages; empty words where the data gives none. ``bulk``: loose goods in a shipping case."""

    en: str
    zh: str
    bulk: bool = False


@dataclass(frozen=True, slots=True)
class _Part:
    number: float
    other: float | None
    joint: str  # "-" or "X" between the two numbers
    unit: str
    packing: tuple[str, str]


def size_words(raw: str | None, *, liquid: bool, measure: str) -> SizeWords:
    """Return the words for ``raw``; ``measure`` is the Chinese measure word of a count, ``liquid`` decides ounces.

    A size that cannot be read is left out rather than shown as it stands.
    """
    if raw is None:
        return SizeWords("", "")
    text = _CODE.sub("", " ".join(raw.upper().split()))
    if text in _WHOLE:
        return SizeWords(*_WHOLE[text])
    parts = _parts(text)
    if not parts:
        return SizeWords("", "")
    words = _multiplied(parts, liquid=liquid, measure=measure)
    if words is None:
        shown = [_one(part, liquid=liquid, measure=measure) for part in parts]
        words = SizeWords(", ".join(en for en, _ in shown if en), " ".join(zh for _, zh in shown if zh))
    packing = [part.packing for part in parts if part.packing[0]]
    if not packing:
        return words
    return SizeWords(f"{words.en} {packing[0][0]}", f"{words.zh} {packing[0][1]}")


def is_shipping_case(raw: str | None, *, largest_bag_lb: float) -> bool:
    """Tell whether a size of fresh produce names the case that it is shipped in, not what one buys (40 LB, 48 CT)."""
    text = "" if raw is None else _CODE.sub("", " ".join(raw.upper().split()))
    parts = _parts(text)
    if len(parts) != 1:
        return False
    part = parts[0]
    largest = {"lb": largest_bag_lb, "count": _LARGEST_BAG_COUNT}.get(part.unit)
    return part.joint == "-" or (largest is not None and part.number > largest)


def _parts(text: str) -> list[_Part]:
    text = re.sub(r"\([^)]*\)", "", _TYPING_SLIP.sub(r"\1 ", text)).strip()
    text = _FRACTION.sub(lambda found: f"{_fraction(found)} ", text)
    text = re.sub(r"([A-Z]) +(?=[\d.])", r"\1/", text)  # "6 PK 8 OZ" reads like "6 PK/8 OZ"
    parts = [part for part in map(_part, text.split("/")) if part is not None]
    if len(parts) > 1 and not parts[-1].unit:  # "12 CT/16.5" was cut at ten characters
        parts[-1] = _Part(parts[-1].number, None, "", "oz", ("", ""))
    return parts


def _fraction(found: re.Match[str]) -> float:
    above, below = found[2].split("/")
    return float(found[1] or 0) + int(above) / int(below)


def _part(text: str) -> _Part | None:
    found = _PART.match(text.strip())
    if found is None:
        return None
    number, joint, other, unit, packing = found.groups()
    if unit and unit not in _UNITS:
        return None
    if number is None and not unit:
        return None
    word = (packing or "").strip()
    return _Part(
        float(number or 1),
        float(other) if other else None,
        joint or "",
        _UNITS.get(unit, ""),
        _PACKING.get(word, ("", "")),
    )


def _multiplied(parts: list[_Part], *, liquid: bool, measure: str) -> SizeWords | None:
    """Return "6 × 8 oz" where a number of packs and the amount of one are given, else None."""
    if len(parts) == 1:
        (part,) = parts
        if part.other is None or part.joint != "-" or part.unit != "oz":
            return None
        times, amount = part.number, _Part(part.other, None, "", part.unit, part.packing)
    elif len(parts) == 2:
        first, second = parts
        if first.unit in _AMOUNTS and second.unit == "pack":
            first, second = second, first
        if first.unit not in ("", "pack") or second.unit not in _AMOUNTS | _COUNTS:
            return None
        largest = _LARGEST_SINGLE_FL_OZ if liquid else _LARGEST_SINGLE_OZ
        if first.unit == "pack" and second.unit == "oz" and second.number > largest:
            return None
        times, amount = first.number, second
    else:
        return None
    en, zh = _one(amount, liquid=liquid, measure=measure)
    return SizeWords(f"{_number(times)} × {en}", f"{zh}×{_number(times)}")


def _one(part: _Part, *, liquid: bool, measure: str) -> tuple[str, str]:
    number = _number(part.number)
    if part.other is not None:
        other = _number(part.other)
        if part.joint == "X":
            return f"{number} × {other} {part.unit}", f"{number}×{other}英寸"
        counted = {"lb": "磅", "stems": "枝"}.get(part.unit, measure)
        return f"{number}–{other} {part.unit}", f"{number}–{other}{counted}"
    if part.unit in _AMOUNTS:
        unit = "fl oz" if liquid and part.unit == "oz" else part.unit
        shown = _HALVES.get(part.number, number) if unit in ("gal", "pt") else number
        return f"{shown} {unit}", _metric(part, liquid=liquid)
    length = {"sq ft": (0.092903, "平方米"), "ft": (0.3048, "米"), "in": (2.54, "厘米")}.get(part.unit)
    if length is not None:
        return f"{number} {part.unit}", f"{_number(round(part.number * length[0], 1))}{length[1]}"
    dozens = part.number * 12
    words = {
        "count": (f"{number} count", f"{number}{measure}装"),
        "pack": (f"{number}-pack", f"{number}{measure}装"),
        "dozen": (f"{_number(dozens)} count", f"{_number(dozens)}{measure}装"),
        "loads": (f"{number} loads", f"{number}次用量"),
        "stems": (f"{number} stems", f"{number}枝"),
        "uses": (f"{number} uses", f"{number}次用量"),
        "kit": ("kit", "套装"),
        "carton": ("carton", "整条"),
    }
    return words.get(part.unit, ("", ""))


def _metric(part: _Part, *, liquid: bool) -> str:
    if part.unit in _GRAMS and not (liquid and part.unit == "oz"):
        return _scaled(part.number * _GRAMS[part.unit], small="克", large="千克", large_from=_KILOGRAMS_FROM)
    if not liquid and part.unit == "pt":  # a dry pint of berries is a box, not 473 ml
        return f"{_HALVES.get(part.number, _number(part.number))}品脱盒装"
    millilitres = part.number * _MILLILITRES[part.unit]
    return _scaled(millilitres, small="毫升", large="升", large_from=1000.0)


def _scaled(amount: float, *, small: str, large: str, large_from: float) -> str:
    if amount >= large_from:
        return f"{_number(round(amount / 1000, 2))}{large}"
    return f"{_number(round(amount, 1) if amount < 10 else round(amount))}{small}"


def _number(value: float) -> str:
    return f"{value:.4f}".rstrip("0").rstrip(".")

"""Gives a manufacturer number a maker's name, in English and Chinese.

The data knows makers by number only. The names here are invented, one for each number, by sounds; any likeness to a
real maker is chance. The number itself stays with the product.
"""

from dataclasses import dataclass
from typing import Final

_HEADS: Final = (
    "Bel 贝|Cor 科|Dan 丹|El 艾|Fen 芬|Gal 佳|Har 哈|Il 伊|Jo 乔|Kel 凯|Lin 林|Mar 玛|Nor 诺|Or 奥|Pel 佩|Quin 昆|"
    "Ros 罗|Sel 赛|Tam 塔|Ul 乌|Val 瓦|Wen 温|Yar 雅|Zel 泽|Bri 布|Cal 卡|Del 德|Fal 法|Hol 霍|Lor 洛|Mel 梅|San 桑"
)
_MIDDLES: Final = " |a 亚|e 尔|i 利|o 沃|da 达|ne 妮|ro 若"
_TAILS: Final = (
    "ford 福|mont 蒙|wick 维|dale 谷|field 野|ton 顿|ley 莉|more 莫|mara 马拉|nova 诺瓦|via 薇|well 泉|wood 木|"
    "brook 溪|stone 石|gate 阁|burn 本|croft 园|haven 湾|ridge 岭|mere 湖|ville 城|worth 禾|ling 灵|sen 森|vale 川|"
    "ster 星|low 丘|by 拜|den 登|son 逊|lia 丽"
)
# A step without common factor with the number of names spreads neighbouring numbers over different names.
_STEP: Final = 4_787


@dataclass(frozen=True, slots=True)
class MakerName:
    """A maker in both languages."""

    en: str
    zh: str

    @property
    def brand(self) -> str:
        """Both names in one, as brands carry no language: "Belaford 贝亚福"."""
        return f"{self.en} {self.zh}"


OWN_LABEL: Final = MakerName("Zhike Select", "知客优选")
# The number that the data gives goods without a maker: loose produce, ice, newspapers.
NO_MAKER: Final = 2


def _sounds(text: str) -> tuple[tuple[str, str], ...]:
    pairs = (sound.split(" ") for sound in text.split("|"))
    return tuple((latin, chinese) for latin, chinese in pairs)


_HEAD_SOUNDS: Final = _sounds(_HEADS)
_MIDDLE_SOUNDS: Final = _sounds(_MIDDLES)
_TAIL_SOUNDS: Final = _sounds(_TAILS)
NAMES: Final = len(_HEAD_SOUNDS) * len(_MIDDLE_SOUNDS) * len(_TAIL_SOUNDS)


def maker_name(number: int) -> MakerName:
    """Return the invented name of a manufacturer number; numbers from 0 to NAMES - 1 all differ.

    Raises ValueError outside that range.
    """
    if not 0 <= number < NAMES:
        raise ValueError(f"manufacturer number must be between 0 and {NAMES - 1}")
    place = number * _STEP % NAMES
    place, head = divmod(place, len(_HEAD_SOUNDS))
    tail, middle = divmod(place, len(_MIDDLE_SOUNDS))
    sounds = (_HEAD_SOUNDS[head], _MIDDLE_SOUNDS[middle], _TAIL_SOUNDS[tail])
    return MakerName("".join(latin for latin, _ in sounds), "".join(chinese for _, chinese in sounds))

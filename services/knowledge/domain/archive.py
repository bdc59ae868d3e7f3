"""The archive of a person's data: JSON files by service and a page that says what they are, in zh and en."""

from collections.abc import Mapping
from io import BytesIO
from typing import Final
from zipfile import ZIP_STORED, ZipFile, ZipInfo

README_EN: Final = "README.en.txt"
README_ZH: Final = "README.zh.txt"
_EN: Final = """Your data

This archive holds everything that the shop's platform knows of you on {day}.
The identifiers that belong to you: {identifiers}

knowledge/profile.json          who you are to the shop: facts with their source, consents, purchases
knowledge/customer-claims.json  what was said of you, by whom and when
knowledge/user-events.json      what you looked at, searched, put into the cart and bought
knowledge/customers.json        which of your identifiers were taken for one person
search/searches.json            what you searched for and what was shown
orders/order-events.json        your orders and everything that happened to them
recommendation/interactions.json  what recommendations for you are made from
reputation/mentions.json        reviews that you wrote under your name

Files of which nothing is known are left out. Times are UTC (RFC 3339), amounts are in the order's currency.
{truncated}
You may ask for all of it to be erased: on the page "My data" of the shop, or at the service desk.
"""
_ZH: Final = """您的数据

本压缩包包含商店平台在 {day} 所知道的关于您的全部信息。
属于您的标识：{identifiers}

knowledge/profile.json          商店眼中的您：资料及其来源、授权、购买情况
knowledge/customer-claims.json  谁在何时提供了您的哪些信息
knowledge/user-events.json      您的浏览、搜索、加购与购买记录
knowledge/customers.json        哪些标识被认作同一个人
search/searches.json            您的搜索内容与展示结果
orders/order-events.json        您的订单及其全部进展
recommendation/interactions.json  为您做推荐所用的依据
reputation/mentions.json        您署名发表的评价

没有内容的文件不会出现。时间为 UTC（RFC 3339），金额以订单币种计。
{truncated}
您可以要求删除全部数据：在商店的“我的数据”页面，或联系客服。
"""
_CUT_EN: Final = "A service holds more than fits here; ask the service desk for the rest.\n"
_CUT_ZH: Final = "有服务保存的内容超出本包上限，其余部分请联系客服。\n"
_DATE: Final = (1980, 1, 1, 0, 0, 0)  # of every file: the same data is the same archive


def archive_of(
    files: Mapping[str, bytes], *, day: str, identifiers: tuple[str, ...], truncated: bool
) -> tuple[bytes, tuple[str, ...]]:
    """Return the zip archive and the names in it.

    Stored, not packed: an erasure looks for a person's names in every file that is kept.
    """
    named = ", ".join(identifiers)
    whole = {
        README_EN: _EN.format(day=day, identifiers=named, truncated=_CUT_EN if truncated else "").encode(),
        README_ZH: _ZH.format(day=day, identifiers=named, truncated=_CUT_ZH if truncated else "").encode(),
        **dict(sorted(files.items())),
    }
    content = BytesIO()
    with ZipFile(content, "w", ZIP_STORED) as archive:
        for name, data in whole.items():
            archive.writestr(ZipInfo(name, _DATE), data)
    return content.getvalue(), tuple(whole)

"""Products, money and edits on the wire."""

from collections.abc import Callable
from typing import Any, Final

from google.type import money_pb2
from zhike.search.v1 import product_pb2, product_service_pb2
from zhike.type.v1.localized_text_pb2 import LocalizedText

from services.kits.money import Money, is_currency, minor_digits
from services.search.domain.errors import ProductFieldError, UpdateMaskError
from services.search.domain.product import QUANTITY_LIMIT, STOCK_NOT_KEPT, Availability, Product
from services.search.usecases.catalog import Edit

NANOS: Final = 1_000_000_000
UNITS_LIMIT: Final = 10**12
_AVAILABILITIES: Final = {
    Availability.IN_STOCK: product_pb2.AVAILABILITY_IN_STOCK,
    Availability.OUT_OF_STOCK: product_pb2.AVAILABILITY_OUT_OF_STOCK,
    Availability.BACKORDER: product_pb2.AVAILABILITY_BACKORDER,
}
_FROM_PB: Final = {number: availability for availability, number in _AVAILABILITIES.items()}


def product_to_pb(product: Product) -> product_pb2.Product:
    """Encode a product."""
    message = product_pb2.Product(
        id=product.id,
        title=LocalizedText(by_language=product.title),
        description=LocalizedText(by_language=product.description),
        categories=[LocalizedText(by_language=category) for category in product.categories],
        brands=product.brands,
        available_quantity=product.available_quantity,
        availability=_AVAILABILITIES[product.availability],
        attributes={name: product_pb2.AttributeValues(values=values) for name, values in product.attributes.items()},
        tags=product.tags,
        uri=product.uri,
        images=product.images,
        shop=product.shop,
        version=product.version,
        withdrawn=product.withdrawn,
    )
    if product.price is not None:
        message.price.CopyFrom(money_to_pb(product.price))
    if product.original_price is not None:
        message.original_price.CopyFrom(money_to_pb(product.original_price))
    message.update_time.FromDatetime(product.update_time)
    return message


def money_to_pb(money: Money) -> money_pb2.Money:
    """Encode money."""
    scale = 10 ** minor_digits(money.currency)
    units, rest = divmod(abs(money.amount_minor), scale)
    sign = -1 if money.amount_minor < 0 else 1
    return money_pb2.Money(currency_code=money.currency, units=sign * units, nanos=sign * rest * (NANOS // scale))


def money_from_pb(message: money_pb2.Money, field: str) -> Money:
    """Decode a price. Raises ProductFieldError for no currency, parts of a minor unit, or a negative amount."""
    if not is_currency(message.currency_code):
        raise ProductFieldError("INVALID_MONEY", "a currency is three capital letters (ISO 4217)", field=field)
    if message.units < 0 or message.nanos < 0:
        raise ProductFieldError("NEGATIVE_PRICE", f"{field} is below zero", field=field)
    part = NANOS // 10 ** minor_digits(message.currency_code)
    if message.nanos % part or message.nanos >= NANOS or message.units >= UNITS_LIMIT:
        raise ProductFieldError("INVALID_MONEY", f"{field} has parts of a minor unit or is too large", field=field)
    return Money(message.units * (NANOS // part) + message.nanos // part, message.currency_code)


def edit_from_pb(request: product_service_pb2.UpdateProductRequest) -> Edit:
    """Decode an edit. Raises UpdateMaskError, ProductFieldError."""
    product = request.product
    values: dict[str, Any] = {}
    for path in request.update_mask.paths:
        reader = _READERS.get(path)
        if reader is None:
            raise UpdateMaskError(f"an update changes {', '.join(sorted(_READERS))}", field="update_mask")
        values[path] = reader(product)
    return Edit(product.id, values, request.expected_version, request.request_id)


def _price(product: product_pb2.Product) -> Money:
    return money_from_pb(product.price, "price")


def _original_price(product: product_pb2.Product) -> Money | None:
    return money_from_pb(product.original_price, "original_price") if product.HasField("original_price") else None


def _quantity(product: product_pb2.Product) -> int:
    if not STOCK_NOT_KEPT <= product.available_quantity <= QUANTITY_LIMIT:
        raise ProductFieldError(
            "INVALID_QUANTITY", "available_quantity is a whole number from -1 (not kept)", field="available_quantity"
        )
    return product.available_quantity


def _availability(product: product_pb2.Product) -> Availability:
    if product.availability not in _FROM_PB:
        raise ProductFieldError("INVALID_AVAILABILITY", "availability is not given", field="availability")
    return _FROM_PB[product.availability]


_READERS: Final[dict[str, Callable[[product_pb2.Product], Any]]] = {
    "price": _price,
    "original_price": _original_price,
    "available_quantity": _quantity,
    "availability": _availability,
    "withdrawn": lambda product: product.withdrawn,
}

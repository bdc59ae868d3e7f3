"""From a protobuf message to the public JSON, and back for money: the one converter of the routes that are not hot.

Field names stay as in the proto, times are RFC 3339, money is {"amount", "currency"}, enum values lose their prefix and
are written with dashes, 64-bit numbers are numbers, a ``*_json`` field is the JSON that it holds. A message or an
optional value that is not set is null; every other field is always there.
"""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import orjson
from google.protobuf import descriptor_pool, message_factory
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.descriptor import EnumDescriptor
from google.protobuf.message import Message
from google.type.money_pb2 import Money

from services.chassis.errors import InvalidArgumentError

NANOS: Final = 1_000_000_000
UNITS_LIMIT: Final = 10**12
# ISO 4217 exponents that are not 2, of currencies that shops price in.
_EXPONENTS: Final = {"JPY": 0, "KRW": 0, "VND": 0, "CLP": 0, "ISK": 0, "UGX": 0, "BHD": 3, "JOD": 3, "KWD": 3, "OMR": 3}
_DEFAULT_EXPONENT: Final = 2


def public_form(message: Message) -> Any:
    """Return what ``orjson.dumps`` writes for a message."""
    name = message.DESCRIPTOR.full_name
    special = _SPECIAL.get(name)
    if special is not None:
        return special(message)
    return {field.name.removesuffix("_json"): _field(message, field) for field in message.DESCRIPTOR.fields}


def unpacked(packed: AnyMessage) -> Message | None:
    """Return the message inside an Any; None when it is empty or of a type that this process does not know."""
    if not packed.type_url:
        return None
    try:
        descriptor = descriptor_pool.Default().FindMessageTypeByName(packed.TypeName())
    except KeyError:
        return None
    message: Message = message_factory.GetMessageClass(descriptor)()
    message.ParseFromString(packed.value)
    return message


def money_from_json(amount: str, currency: str, *, field: str) -> Money:
    """Return exact money. Raises InvalidArgumentError for what is no amount of that currency."""
    try:
        value = Decimal(amount)
    except InvalidOperation:
        raise InvalidArgumentError(f"{field}.amount is no decimal number", field=f"{field}.amount") from None
    places = _EXPONENTS.get(currency, _DEFAULT_EXPONENT)
    if not value.is_finite() or abs(value) >= UNITS_LIMIT:
        raise InvalidArgumentError(f"{field}.amount is out of bounds", field=f"{field}.amount")
    if value < 0:
        raise InvalidArgumentError(f"{field}.amount is below zero", field=f"{field}.amount")
    if value != round(value, places):
        raise InvalidArgumentError(f"{currency} has {places} decimal places", field=f"{field}.amount")
    units = int(value)
    return Money(currency_code=currency, units=units, nanos=int((value - units) * NANOS))


def money_to_json(money: Any) -> dict[str, str] | None:
    """Return {"amount", "currency"}; None for money without a currency, which is none."""
    if not money.currency_code:
        return None
    places = _EXPONENTS.get(money.currency_code, _DEFAULT_EXPONENT)
    amount = Decimal(money.units) + Decimal(money.nanos) / NANOS
    return {"amount": f"{amount:.{places}f}", "currency": money.currency_code}


def enum_word(descriptor: EnumDescriptor, number: int) -> str:
    """Return "in-stock" for AVAILABILITY_IN_STOCK; "" for the value that means not given."""
    values = descriptor.values_by_number
    if number == 0 or number not in values:
        return ""
    prefix = values[0].name.removesuffix("UNSPECIFIED")
    return str(values[number].name.removeprefix(prefix).lower().replace("_", "-"))


def _field(message: Message, field: Any) -> Any:
    value = getattr(message, field.name)
    if field.is_repeated:
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            values = field.message_type.fields_by_name["value"]
            return {str(key): _value(each, values) for key, each in sorted(value.items())}
        return [_value(each, field) for each in value]
    if field.has_presence and not message.HasField(field.name):
        return None
    return _value(value, field)


def _value(value: Any, field: Any) -> Any:
    if field.message_type is not None:
        return public_form(value)
    if field.enum_type is not None:
        return enum_word(field.enum_type, value)
    if isinstance(value, bytes):
        return orjson.Fragment(value) if value else None
    return value


def _timestamp(message: Any) -> str:
    return str(message.ToJsonString())


def _texts(message: Any) -> Mapping[str, str]:
    return dict(message.by_language)


def _values(message: Any) -> list[str]:
    return list(message.values)


_SPECIAL: Final = {
    "google.protobuf.Timestamp": _timestamp,
    "google.type.Money": money_to_json,
    "zhike.type.v1.LocalizedText": _texts,
    "zhike.search.v1.AttributeValues": _values,
}

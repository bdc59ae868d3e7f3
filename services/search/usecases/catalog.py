"""Reads and edits products: single edits with compare and set, whole rows from an import."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any, Final

from services.chassis.canonical import fingerprint
from services.chassis.clock import Clock
from services.chassis.errors import InvalidArgumentError
from services.kits.money import Money
from services.search.domain.errors import (
    EditContendedError,
    ProductNotFoundError,
    RequestIdReusedError,
    UpdateMaskError,
    VersionMismatchError,
)
from services.search.domain.product import ID_LIMIT, Product, availability_of, same_content
from services.search.store.products import ProductStore, StoredProduct

EDIT_ATTEMPTS: Final = 8
BATCH_GET_LIMIT: Final = 200
REQUEST_ID_LIMIT: Final = 256
_PARTED: Final = "\x1f"  # in no request id
EDITABLE: Final = frozenset({"price", "original_price", "available_quantity", "availability", "withdrawn"})

# Told after each save, so that the log and the index follow at once and not at their next look.
Announce = Callable[[], None]


class RowOutcome(StrEnum):
    """What became of one imported product."""

    CREATED = "created"
    CHANGED = "changed"
    DUPLICATE = "duplicate"  # there already with the same content


@dataclass(frozen=True, slots=True)
class Edit:
    """New values for the named fields of one product. ``expected_version`` 0 means any."""

    product_id: str
    values: Mapping[str, Any]
    expected_version: int = 0
    request_id: str = ""


async def get_product(store: ProductStore, product_id: str) -> Product:
    """Return a product, a withdrawn one too. Raises ProductNotFoundError."""
    return (await _existing(store, product_id)).product


async def get_products(store: ProductStore, ids: Sequence[str]) -> list[Product]:
    """Return those that exist, in the order asked. Raises InvalidArgumentError for none or too many."""
    if not 1 <= len(ids) <= BATCH_GET_LIMIT:
        raise InvalidArgumentError(f"name 1 to {BATCH_GET_LIMIT} products", field="ids")
    found = await store.get_many(list(dict.fromkeys(ids)))
    return [found[product_id].product for product_id in ids if product_id in found]


async def update_product(store: ProductStore, edit: Edit, clock: Clock, announce: Announce) -> Product:
    """Edit a product once, however often the request comes.

    Edits of one product in this process wait for one another; compare and set decides between processes.
    Raises ProductNotFoundError, UpdateMaskError, VersionMismatchError, RequestIdReusedError, EditContendedError.
    """
    unknown = sorted(set(edit.values) - EDITABLE)
    if unknown or not edit.values:
        named = f", not {unknown[0][:64]!r}" if unknown else ""
        raise UpdateMaskError(f"an update names {', '.join(sorted(EDITABLE))}{named}", field="update_mask")
    if len(edit.request_id) > REQUEST_ID_LIMIT:
        raise InvalidArgumentError(f"a request id has at most {REQUEST_ID_LIMIT} characters", field="request_id")
    async with store.turn(edit.product_id):
        for _ in range(EDIT_ATTEMPTS):
            stored = await _existing(store, edit.product_id)
            if _is_repeated(stored, edit):
                return stored.product
            if edit.expected_version not in {0, stored.product.version}:
                raise VersionMismatchError(
                    f"the product stands at version {stored.product.version}", version=stored.product.version
                )
            product = _with_values(stored.product, edit.values)
            product = replace(product, version=stored.product.version + 1, update_time=clock.now())
            if not await store.save([stored.edited(product, request_id=_remembered(edit))]):
                announce()
                return product
    raise EditContendedError("others keep editing this product", resource="product", id=edit.product_id)


def _remembered(edit: Edit) -> str:
    """Return what is kept of a request id: with what it came, so that another edit under it is not taken for done."""
    if not edit.request_id:
        return ""
    values = {name: asdict(value) if isinstance(value, Money) else value for name, value in edit.values.items()}
    return f"{edit.request_id}{_PARTED}{fingerprint([values, edit.expected_version])}"


def _is_repeated(stored: StoredProduct, edit: Edit) -> bool:
    """Tell whether this very edit is done. Raises RequestIdReusedError."""
    if not edit.request_id:
        return False
    same = _remembered(edit)
    for each in stored.request_ids:
        if each == same:
            return True
        if each.partition(_PARTED)[0] == edit.request_id:
            raise RequestIdReusedError("this request id came with another edit before", field="request_id")
    return False


async def import_products(
    store: ProductStore, products: Sequence[Product], clock: Clock, announce: Announce, *, dry_run: bool = False
) -> list[RowOutcome]:
    """Write products of different ids whole, each over what is there; return one outcome each, in order.

    A product that is there with the same content is left alone, so an import may be run again from its beginning.
    """
    outcomes: dict[str, RowOutcome] = {}
    pending = {product.id: product for product in products}
    if len(pending) < len(products):
        raise InvalidArgumentError("a batch names a product twice", field="id")
    for _ in range(EDIT_ATTEMPTS):
        stored = await store.get_many(list(pending))
        now = clock.now()
        edits: list[StoredProduct] = []
        for product_id, product in pending.items():
            before = stored.get(product_id)
            if before is not None and same_content(before.product, product):
                outcomes[product_id] = RowOutcome.DUPLICATE
                continue
            version = 1 if before is None else before.product.version + 1
            outcomes[product_id] = RowOutcome.CREATED if before is None else RowOutcome.CHANGED
            base = before or StoredProduct(product, create_time=now)
            edits.append(base.edited(replace(product, version=version, update_time=now)))
        lost = frozenset() if dry_run else await store.save(edits)
        if edits and not dry_run:
            announce()
        pending = {product_id: pending[product_id] for product_id in lost}
        if not pending:
            return [outcomes[product.id] for product in products]
    raise EditContendedError("others keep editing these products", resource="product")


async def _existing(store: ProductStore, product_id: str) -> StoredProduct:
    stored = await store.get(product_id) if 0 < len(product_id) <= ID_LIMIT else None
    if stored is None:
        raise ProductNotFoundError("there is no product of this id", resource="product", id=product_id[:64])
    return stored


def _with_values(product: Product, values: Mapping[str, Any]) -> Product:
    """Return the product with new values; a new quantity moves the availability unless that is given too."""
    if "available_quantity" in values and "availability" not in values:
        values = {**values, "availability": availability_of(values["available_quantity"])}
    return replace(product, **values)

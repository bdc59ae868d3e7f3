"""Puts the parts of staff's accounts together on the gateway's documents."""

from dataclasses import dataclass

from argon2 import Parameters
from argon2.profiles import RFC_9106_LOW_MEMORY

from gateway.limits import RateLimiter
from gateway.settings import GatewaySettings
from gateway.staff.accounts import Accounts
from gateway.staff.audit import AuditTrail
from gateway.staff.member_store import MemberStore
from gateway.staff.passwords import Passwords
from gateway.staff.sessions import SessionLimits, SessionStore
from gateway.staff.throttle import SignInThrottle
from services.chassis.clock import Clock
from services.chassis.documents.port import DocumentStore


@dataclass(frozen=True, slots=True)
class Staff:
    """What pages and routes work with. ``audit.record`` is for every page that changes something."""

    members: MemberStore
    sessions: SessionStore
    accounts: Accounts
    audit: AuditTrail


async def open_staff(
    documents: DocumentStore,
    clock: Clock,
    limiter: RateLimiter,
    settings: GatewaySettings,
    *,
    hashing: Parameters = RFC_9106_LOW_MEMORY,
) -> Staff:
    """Declare the collections and return the whole."""
    members, audit = MemberStore(documents), AuditTrail(documents, clock)
    limits = SessionLimits(settings.staff_idle_s, settings.staff_life_s)
    sessions = SessionStore(documents, members, clock, limits, shop=settings.default_shop)
    for each in (members, audit, sessions):
        await each.open()
    accounts = Accounts(members, sessions, Passwords(hashing), SignInThrottle(limiter), audit, clock)
    return Staff(members, sessions, accounts, audit)

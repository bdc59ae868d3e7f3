"""Sessions: opaque, hashed at rest, fresh at every sign-in, ended by rest, by age and by their owner."""

import pytest

from gateway.staff.accounts import NewAccount, Where
from gateway.staff.audit import NamedActor
from gateway.staff.cookies import LOOPBACK_NAME, SECURE_NAME, is_loopback, session_cookie, session_id_of
from gateway.staff.members import StaffMember
from gateway.staff.office import Staff
from gateway.staff.sessions import SESSIONS, SESSIONS_LIMIT
from services.chassis.documents.memory import MemoryDocuments
from tests.fakes.clock import ManualClock

HERE = Where("10.0.0.1", "a browser")
PASSWORD = "seven lucky pandas"


@pytest.fixture
async def member(staff: Staff) -> StaffMember:
    made, _ = await staff.accounts.create(
        NamedActor("operator"), NewAccount("li.na", "Li Na", ("desk",)), password=PASSWORD
    )
    return made


async def _in(staff: Staff, former: str = "") -> str:
    return await staff.accounts.sign_in("li.na", PASSWORD, HERE, former_session=former)


async def test_what_is_stored_cannot_be_sent_back(
    staff: Staff, member: StaffMember, documents: MemoryDocuments
) -> None:
    session_id = await _in(staff)
    stored = (await documents.scan(SESSIONS)).documents
    assert session_id not in repr(stored)
    assert await staff.sessions.find(stored[0].key) is None


async def test_a_sign_in_takes_a_fresh_id_and_ends_the_one_before(staff: Staff, member: StaffMember) -> None:
    first = await _in(staff)
    second = await _in(staff, former=first)
    assert first != second
    assert await staff.sessions.find(first) is None and await staff.sessions.find(second) is not None


async def test_an_id_that_somebody_planted_never_becomes_a_session(staff: Staff, member: StaffMember) -> None:
    planted = "A" * 43
    assert await _in(staff, former=planted) != planted
    assert await staff.sessions.find(planted) is None


async def test_a_session_ends_by_rest_but_not_while_it_is_used(
    staff: Staff, member: StaffMember, clock: ManualClock
) -> None:
    session_id = await _in(staff)
    for _ in range(5):
        clock.advance(500)
        assert await staff.sessions.find(session_id) is not None
    clock.advance(600)
    assert await staff.sessions.find(session_id) is None


async def test_a_session_ends_by_age_however_it_is_used(staff: Staff, member: StaffMember, clock: ManualClock) -> None:
    session_id = await _in(staff)
    for _ in range(11):
        clock.advance(300)
        assert await staff.sessions.find(session_id) is not None
    clock.advance(300)
    assert await staff.sessions.find(session_id) is None


async def test_what_has_ended_is_swept_by_the_next_sign_in(
    staff: Staff, member: StaffMember, clock: ManualClock, documents: MemoryDocuments
) -> None:
    for _ in range(3):
        await _in(staff)
    clock.advance(3_600)
    await _in(staff)
    assert await documents.count(SESSIONS) == 1


async def test_one_person_has_so_many_sessions_and_the_oldest_goes(
    staff: Staff, member: StaffMember, clock: ManualClock, documents: MemoryDocuments
) -> None:
    first = await _in(staff)
    for _ in range(SESSIONS_LIMIT):
        clock.advance(1)
        await _in(staff)
    assert await documents.count(SESSIONS) == SESSIONS_LIMIT
    assert await staff.sessions.find(first) is None


async def test_a_person_ends_one_of_their_own_and_nobody_elses(staff: Staff, member: StaffMember) -> None:
    session_id = await _in(staff)
    session = await staff.sessions.find(session_id)
    assert session is not None
    other, _ = await staff.accounts.create(NamedActor("operator"), NewAccount("wei", "Wei", ("pr",)))
    assert not await staff.sessions.end_one(other, session.handle)
    assert [each.handle for each in await staff.sessions.of(member)] == [session.handle]
    assert await staff.sessions.end_one(member, session.handle)
    assert await staff.sessions.find(session_id) is None


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("localhost:8080", True),
        ("127.0.0.1", True),
        ("127.9.9.9:1", True),
        ("[::1]:8080", True),
        ("shop.localhost", True),
        ("console.example.com", False),
        ("127.0.0.1.example.com", False),
        ("localhost.example.com", False),
        ("[", False),
        ("", False),
    ],
)
def test_only_this_machine_goes_without_https(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback
    name, value = session_cookie("A" * 43, host=host)
    assert name == b"set-cookie" and b"HttpOnly; SameSite=Lax" in value and b"Path=/;" in value
    assert (b"Secure" in value and value.startswith(b"__Host-")) is not loopback
    assert session_id_of(value.partition(b";")[0]) == "A" * 43


@pytest.mark.parametrize("header", [b"", b"=", b"zhike-staff=short", b"zhike-staff=" + b"\xff" * 43, b";;;=;" * 4_000])
def test_a_malformed_cookie_is_none(header: bytes) -> None:
    assert session_id_of(header) == ""


def test_the_secure_cookie_outranks_one_that_a_neighbour_could_set() -> None:
    header = f"{LOOPBACK_NAME}={'B' * 43}; {SECURE_NAME}={'A' * 43}".encode()
    assert session_id_of(header) == "A" * 43

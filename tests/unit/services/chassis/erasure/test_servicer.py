"""Steps asked for over the wire: begun once, bounded, answered when done."""

import pytest
from zhike.chassis.v1 import erasure_service_pb2 as pb

from services.chassis.documents.memory import MemoryDocuments
from services.chassis.erasure.servicer import IDENTIFIERS_LIMIT, SUBJECTS_LIMIT, ErasureServicer
from services.chassis.errors import InvalidArgumentError
from tests.unit.services.chassis.erasure.erasing_world import ANNA, CANARIES, World


def person(number: int, identifiers: int = 1) -> pb.ErasureSubject:
    names = [f"card:{number}-{each}" for each in range(identifiers)]
    return pb.ErasureSubject(erasure_id=f"r-{number}", identifiers=names, customer_ids=names)


def request(
    *subjects: pb.ErasureSubject, step: pb.ErasureStep.ValueType = pb.ERASURE_STEP_LOGS
) -> pb.EraseSubjectsRequest:
    return pb.EraseSubjectsRequest(round_id="round", step=step, subjects=subjects)


async def made() -> tuple[World, ErasureServicer]:
    world = World(MemoryDocuments())
    await world.open()
    await world.fill()
    return world, ErasureServicer(world.owner)


async def test_both_steps_are_done_and_answered_alike_when_asked_again() -> None:
    world, servicer = await made()
    anna = pb.ErasureSubject(erasure_id="r-1", identifiers=ANNA.identifiers, customer_ids=ANNA.customer_ids)
    for step in (pb.ERASURE_STEP_LOGS, pb.ERASURE_STEP_COPIES):
        answer = await servicer.EraseSubjects(request(anna, step=step), None)
        assert answer.done and answer.proof
        assert await servicer.EraseSubjects(request(anna, step=step), None) == answer
    everything = await world.everything()
    assert not [each for each in CANARIES if each in everything]
    await servicer.close()
    await world.log.close()


async def test_a_round_and_a_person_have_their_bounds() -> None:
    world, servicer = await made()
    for allowed in (
        request(*(person(number) for number in range(SUBJECTS_LIMIT))),
        request(person(0, IDENTIFIERS_LIMIT)),
    ):
        await servicer.EraseSubjects(allowed, None)
    for past in (
        request(),
        request(*(person(number) for number in range(SUBJECTS_LIMIT + 1))),
        request(person(0, IDENTIFIERS_LIMIT + 1)),
        request(person(0), step=pb.ERASURE_STEP_UNSPECIFIED),
    ):
        with pytest.raises(InvalidArgumentError):
            await servicer.EraseSubjects(past, None)
    await servicer.close()
    await world.log.close()

from asyncio import create_task, gather

from application.provenance.seal_bell import ProcessSealBell

LONG = 3600.0


async def test_a_record_written_before_the_wait_is_not_missed() -> None:
    bell = ProcessSealBell(rest_seconds=0)

    bell.record_written()

    await bell.next_record(LONG)


async def test_one_ring_ends_one_wait() -> None:
    bell = ProcessSealBell(rest_seconds=0)
    bell.record_written()
    await bell.next_record(LONG)

    waiting = create_task(bell.next_record(LONG))
    bell.record_written()

    await waiting


async def test_a_wait_ends_without_a_ring() -> None:
    bell = ProcessSealBell(rest_seconds=0)

    await bell.next_record(0.0)
    await bell.next_seal(0.0)


async def test_everybody_who_waits_hears_of_a_seal() -> None:
    bell = ProcessSealBell()
    waiting = [create_task(bell.next_seal(LONG)) for _ in range(3)]
    ringing = create_task(ring(bell))

    await gather(*waiting, ringing)


async def ring(bell: ProcessSealBell) -> None:
    bell.seal_written()

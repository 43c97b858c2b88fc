"""`somagent deadletters` and `somagent events` as programs, against a server."""

from pathlib import Path

import orjson

from tests.e2e.program import program
from tests.e2e.stage import Stage
from tests.system.service import until


async def test_a_letter_is_found_mended_and_discarded(stage: Stage, tmp_path: Path) -> None:
    slug, ada = await stage.tenant()
    name = await stage.dead_letter(slug, b"broken")
    mended = tmp_path / "payload"
    mended.write_bytes(b"mended")

    code, out = await program(
        stage,
        ada,
        tmp_path,
        "deadletters",
        "list",
        "--tenant",
        slug,
        "--state",
        "resting",
        "--json",
    )
    assert (code, [one["name"] for one in orjson.loads(out)["dead_letters"]]) == (0, [name])

    code, out = await program(
        stage, ada, tmp_path, "deadletters", "edit", name, "--payload", str(mended)
    )
    assert (code, "mended" in out) == (0, True)

    code, out = await program(stage, ada, tmp_path, "deadletters", "show", name, "--full")
    assert (code, "mended" in out, "SESSION_NOT_FOUND" in out) == (0, True, True)

    code, out = await program(
        stage, ada, tmp_path, "deadletters", "discard", name, "--note", "by mistake"
    )
    assert (code, out) == (0, f"{name} discarded\n")

    code, out = await program(
        stage, ada, tmp_path, "deadletters", "replay", name, "--tenant", slug, "--json"
    )
    (refused,) = orjson.loads(out)["refused"]
    assert (code, refused["error"]["reason"]) == (3, "DEAD_LETTER_SETTLED")


async def test_a_letter_that_is_not_there_is_said_to_be_so(stage: Stage, tmp_path: Path) -> None:
    slug, ada = await stage.tenant()
    missing = f"tenants/{slug}/deadLetters/0198f2a0-0000-7000-8000-000000000001"

    code, out = await program(stage, ada, tmp_path, "deadletters", "show", missing)

    assert (code, "DEAD_LETTER_NOT_FOUND" in out) == (3, True)


async def test_a_letter_that_is_refused_again_is_said_to_be_so(
    stage: Stage, tmp_path: Path
) -> None:
    slug, ada = await stage.tenant()
    await stage.dead_letter(slug, b"garbage")

    code, out = await program(
        stage, ada, tmp_path, "deadletters", "replay", "--all", "--tenant", slug, "--json"
    )

    (refused,) = orjson.loads(out)["refused"]
    assert (code, refused["error"]["reason"]) == (3, "MESSAGE_UNREADABLE")


async def test_published_events_are_replayed(stage: Stage, tmp_path: Path) -> None:
    slug, ada = await stage.tenant()
    await stage.dead_letter(slug)
    await program(
        stage, ada, tmp_path, "deadletters", "replay", "--all", "--tenant", slug
    )  # leaves an audit, which the relay publishes

    async def published() -> bool:
        _, out = await program(
            stage, ada, tmp_path, "events", "replay", "--tenant", slug, "--since", "2026-01-01",
            "--type", "audit.recorded", "--json",
        )  # fmt: skip
        return bool(orjson.loads(out)["replayed_events"])

    await until(published)


async def test_a_topic_of_ones_own_is_for_operators(stage: Stage, tmp_path: Path) -> None:
    slug, ada = await stage.tenant()
    arguments = ("events", "replay", "--tenant", slug, "--since", "2026-01-01", "--topic", "mine")

    code, out = await program(stage, ada, tmp_path, *arguments)
    assert (code, "PERMISSION_DENIED" in out) == (3, True)


async def test_without_a_broker_no_topic_of_ones_own_is_published_to(
    stage: Stage, tmp_path: Path
) -> None:
    slug, _ = await stage.tenant()  # leaves an audit, which the relay publishes
    arguments = ("events", "replay", "--tenant", slug, "--since", "2026-01-01", "--topic", "mine")

    async def refused() -> bool:
        code, out = await program(stage, stage.operator, tmp_path, *arguments)
        return (code, "were left out" in out) == (3, True)

    await until(refused)


async def test_what_can_match_nothing_is_refused(stage: Stage, tmp_path: Path) -> None:
    slug, ada = await stage.tenant()
    inverted = ("--since", "2026-11-02", "--until", "2026-11-01")

    for arguments in (
        ("events", "replay", "--since", "2026-01-01", "--type", "no.such"),
        ("events", "replay", *inverted),
        ("deadletters", "list", *inverted),
        ("deadletters", "replay", "--all", *inverted),
    ):
        code, out = await program(stage, ada, tmp_path, *arguments, "--tenant", slug)
        assert (code, "INVALID_ARGUMENT" in out) == (3, True), (arguments, out)


async def test_a_replay_of_nothing_says_so(stage: Stage, tmp_path: Path) -> None:
    slug, ada = await stage.tenant()
    arguments = ("deadletters", "replay", "--all", "--tenant", slug)

    assert await program(stage, ada, tmp_path, *arguments) == (0, "none\n")
    code, out = await program(stage, ada, tmp_path, *arguments, "--json")
    assert (code, orjson.loads(out)) == (0, {"dead_letters": [], "refused": []})


async def test_letters_are_named_or_chosen_and_not_both(stage: Stage, tmp_path: Path) -> None:
    slug, ada = await stage.tenant()
    name = await stage.dead_letter(slug)

    code, out = await program(
        stage, ada, tmp_path, "deadletters", "replay", name, "--topic", "tool.requests"
    )

    assert (code, "--all" in out) == (2, True)

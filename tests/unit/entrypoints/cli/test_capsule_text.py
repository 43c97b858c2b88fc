"""Capsule files that are signed without losing what their authors wrote."""

from pathlib import Path

import pytest

from application.kernel.ports import Json
from entrypoints.assembly.offline import (
    capsule_files,
    new_key_pair,
    sign_capsules,
    verify_capsules,
)
from entrypoints.cli.capsule_text import read_text, signed_text, write_text
from entrypoints.cli.demo_run import CAPSULE_FILE
from entrypoints.cli.failure import CommandFailedError

ROOT = Path(__file__).parents[4]
PAIR = new_key_pair()
CHECK = verify_capsules([bytes.fromhex(PAIR.public)])
TEXT = CAPSULE_FILE.read_text()


async def signed(text: str) -> str:
    files = capsule_files()
    document = await sign_capsules(PAIR.private)(await files.read(text))
    return await signed_text(text, document, files)


async def document_of(text: str) -> Json:
    return await capsule_files().read(text)


def test_the_demonstrations_capsule_is_the_example_of_the_contract() -> None:
    example = ROOT / "contracts" / "capsules" / "examples" / "demo.yaml"

    assert example.read_text() == TEXT


async def test_a_signed_file_keeps_every_line_of_its_author() -> None:
    text = await signed(TEXT)

    assert text.startswith(TEXT.rstrip())
    assert "# A small model rarely asks" in text


async def test_a_signed_file_verifies_with_the_public_key_alone() -> None:
    found = CHECK(await document_of(await signed(TEXT)))

    assert found.manifest.name == "demo"
    assert found.signature.key_id == PAIR.key_id


async def test_signing_again_replaces_the_signature() -> None:
    once = await signed(TEXT)

    assert await signed(once) == once
    assert once.count("signature:") == 1


async def test_a_signature_in_the_middle_of_a_file_is_replaced() -> None:
    once = await signed(TEXT)
    head, _, block = once.partition("\nsignature:")
    moved = f"signature:{block}\n{head}\n"

    again = await signed(moved)

    assert again.count("signature:") == 1
    assert CHECK(await document_of(again)).manifest.name == "demo"


async def test_a_file_in_json_is_signed_too() -> None:
    text = (
        '{"apiVersion":"somagent.dev/v3","name":"json","version":"1.0.0",'
        '"persona":{"instructions":"Answer."},"models":{"allow":["*"]}}'
    )

    found = CHECK(await document_of(await signed(text)))

    assert found.manifest.name == "json"


async def test_words_that_look_like_a_signature_stay() -> None:
    text = TEXT.replace("    You are", "    signature: none\n    You are")

    again = await signed(text)

    assert "    signature: none\n" in again
    assert CHECK(await document_of(again)).manifest.name == "demo"


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "capsule.yaml"
    path.write_text("old")
    (tmp_path / "capsule.yaml.new").mkdir()

    with pytest.raises(CommandFailedError, match="cannot be written"):
        write_text(path, "new")

    assert path.read_text() == "old"


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "capsule.yaml"
    path.write_bytes(b"\xff\xfe")

    with pytest.raises(CommandFailedError, match="not UTF-8"):
        read_text(path)

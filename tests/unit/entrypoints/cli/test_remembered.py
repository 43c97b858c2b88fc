"""What is remembered between calls."""

from pathlib import Path

import pytest

from entrypoints.cli.failure import CommandFailedError
from entrypoints.cli.remembered import Remembered, recall, remember


def test_what_was_remembered_is_recalled(tmp_path: Path) -> None:
    remembered = Remembered(address="127.0.0.1:7", key="sk_1", receipt_keys=("ab" * 32,))

    remember(tmp_path / "deep" / "client.json", remembered)

    assert recall(tmp_path / "deep" / "client.json") == remembered


def test_nothing_is_remembered_at_first(tmp_path: Path) -> None:
    assert recall(tmp_path / "client.json") == Remembered()


def test_the_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "client.json"

    remember(path, Remembered(key="sk_1"))

    assert path.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["client.json"]


@pytest.mark.parametrize("content", [b"", b"[]", b'{"key":1}', b"\xff"])
def test_a_damaged_file_is_named_with_its_cure(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "client.json"
    path.write_bytes(content)

    with pytest.raises(CommandFailedError, match=r"client\.json cannot be read") as failure:
        recall(path)

    assert "remove it" in failure.value.advice


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(CommandFailedError, match="cannot be written"):
        remember(tmp_path / "file" / "client.json", Remembered())

"""The encrypted file of secrets: what it keeps, and what it refuses."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from adapters.secrets.errors import (
    SecretDamagedError,
    SecretFolderError,
    SecretKeyMissingError,
    SecretReferenceError,
    SecretStoreError,
    SecretTooLargeError,
)
from adapters.secrets.references import ReferencedSecrets
from adapters.secrets.sealed_file import LARGEST, SealedFile


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "secrets"


@pytest.fixture
def sealed(folder: Path) -> SealedFile:
    return SealedFile(folder)


def test_a_secret_is_read_back_by_another_process(sealed: SealedFile, folder: Path) -> None:
    sealed.put("model.key", "sk-völlig geheim")

    assert SealedFile(folder).get("model.key") == "sk-völlig geheim"


def test_a_later_secret_takes_the_place_of_the_earlier(sealed: SealedFile) -> None:
    sealed.put("a", "one")
    sealed.put("b", "two")
    sealed.put("a", "three")

    assert (sealed.get("a"), sealed.get("b")) == ("three", "two")


def test_where_nothing_was_kept_there_is_nothing(sealed: SealedFile, folder: Path) -> None:
    assert sealed.get("a") is None
    assert not folder.exists()


def test_secrets_do_not_stand_in_the_file(sealed: SealedFile, folder: Path) -> None:
    sealed.put("a", "sk-secret")

    assert b"sk-secret" not in (folder / "secrets.sealed").read_bytes()


def test_the_files_are_for_their_owner_alone(sealed: SealedFile, folder: Path) -> None:
    sealed.put("a", "one")

    modes = {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}
    assert modes == {"secrets.key": 0o600, "secrets.sealed": 0o600, "secrets.lock": 0o600}
    assert folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("name", ["secrets.key", "secrets.sealed"])
def test_a_file_that_others_may_read_is_refused(
    sealed: SealedFile, folder: Path, name: str
) -> None:
    sealed.put("a", "one")
    (folder / name).chmod(0o640)

    with pytest.raises(SecretFolderError, match="chmod"):
        sealed.get("a")


def test_a_folder_that_others_may_enter_is_refused(sealed: SealedFile, folder: Path) -> None:
    folder.mkdir(mode=0o755)

    with pytest.raises(SecretFolderError):
        sealed.put("a", "one")


def test_a_link_is_not_followed(sealed: SealedFile, folder: Path, tmp_path: Path) -> None:
    sealed.put("a", "one")
    (folder / "secrets.sealed").rename(tmp_path / "elsewhere")
    (folder / "secrets.sealed").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(SecretFolderError):
        sealed.get("a")


def test_without_its_key_the_file_is_neither_read_nor_overwritten(
    sealed: SealedFile, folder: Path
) -> None:
    sealed.put("a", "one")
    (folder / "secrets.key").unlink()

    with pytest.raises(SecretKeyMissingError):
        sealed.get("a")
    with pytest.raises(SecretKeyMissingError):
        sealed.put("b", "two")


@pytest.mark.parametrize(
    "content", [b"", b"[]", b'{"form":2,"secrets":{}}', b'{"form":1,"secrets":{"a":"zz"}}']
)
def test_a_damaged_file_is_refused(sealed: SealedFile, folder: Path, content: bytes) -> None:
    sealed.put("a", "one")
    (folder / "secrets.sealed").write_bytes(content)

    with pytest.raises(SecretDamagedError):
        sealed.get("a")


def test_a_damaged_key_is_refused(sealed: SealedFile, folder: Path) -> None:
    sealed.put("a", "one")
    (folder / "secrets.key").write_bytes(os.urandom(31))

    with pytest.raises(SecretDamagedError):
        sealed.get("a")


def test_another_key_opens_nothing(sealed: SealedFile, folder: Path) -> None:
    sealed.put("a", "one")
    (folder / "secrets.key").write_bytes(os.urandom(32))

    with pytest.raises(SecretDamagedError):
        sealed.get("a")


def test_a_secret_cannot_be_moved_to_another_name(sealed: SealedFile, folder: Path) -> None:
    sealed.put("a", "one")
    path = folder / "secrets.sealed"
    path.write_bytes(path.read_bytes().replace(b'"a"', b'"b"'))

    with pytest.raises(SecretDamagedError):
        sealed.get("b")


def test_what_a_crash_left_behind_is_no_hindrance(sealed: SealedFile, folder: Path) -> None:
    sealed.put("a", "one")
    (folder / "secrets.draft").write_bytes(b"half")

    sealed.put("b", "two")

    assert (sealed.get("a"), sealed.get("b")) == ("one", "two")


def test_writers_at_once_lose_nothing(folder: Path) -> None:
    names = [f"name{number}" for number in range(24)]

    def write(name: str) -> None:
        SealedFile(folder).put(name, f"of {name}")

    with ThreadPoolExecutor(8) as writers:
        list(writers.map(write, names))

    assert [SealedFile(folder).get(name) for name in names] == [f"of {name}" for name in names]


def test_a_secret_has_a_size(sealed: SealedFile) -> None:
    sealed.put("a", "x" * LARGEST)

    with pytest.raises(SecretTooLargeError):
        sealed.put("a", "x" * (LARGEST + 1))


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(SecretFolderError):
        SealedFile(tmp_path / "file").put("a", "one")


@pytest.fixture
def mounted(tmp_path: Path) -> Path:
    made = tmp_path / "mounted"
    made.mkdir()
    return made


async def test_a_reference_leads_into_the_sealed_file(folder: Path, mounted: Path) -> None:
    secrets = ReferencedSecrets(folder, mounted)

    await secrets.put("secret:model", "from the file")

    assert await secrets.get("secret:model") == "from the file"
    assert await secrets.get("secret:other") is None
    assert SealedFile(folder).get("model") == "from the file"


async def test_a_mounted_secret_goes_first_without_its_line_break(
    folder: Path, mounted: Path
) -> None:
    secrets = ReferencedSecrets(folder, mounted)
    await secrets.put("secret:model", "from the file")

    (mounted / "model").write_text("mounted\n")

    assert await secrets.get("secret:model") == "mounted"


async def test_nothing_need_be_mounted(folder: Path, tmp_path: Path) -> None:
    secrets = ReferencedSecrets(folder, tmp_path / "nowhere")

    await secrets.put("secret:model", "kept")

    assert await secrets.get("secret:model") == "kept"


@pytest.mark.parametrize(
    ("content", "refusal"),
    [(b"x" * (LARGEST + 1), SecretFolderError), (b"\xff", SecretDamagedError)],
)
async def test_a_mounted_file_that_is_no_secret_is_refused(
    folder: Path, mounted: Path, content: bytes, refusal: type[SecretStoreError]
) -> None:
    (mounted / "model").write_bytes(content)

    with pytest.raises(refusal):
        await ReferencedSecrets(folder, mounted).get("secret:model")


@pytest.mark.parametrize(
    "reference",
    ["", "model", "secret:", "vault:a", "secret:../a", "secret:.a", "secret:a/b", "secret:a\n"],
)
async def test_what_is_no_reference_is_refused(folder: Path, mounted: Path, reference: str) -> None:
    with pytest.raises(SecretReferenceError):
        await ReferencedSecrets(folder, mounted).get(reference)

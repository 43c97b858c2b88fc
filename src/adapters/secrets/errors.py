"""What an operator is told when the secret store cannot be used as it is."""

from pathlib import Path


class SecretStoreError(Exception):
    """The secret store cannot serve; the message says why and what to do, and holds no secret."""


class SecretReferenceError(SecretStoreError):
    def __init__(self) -> None:
        super().__init__(
            "a secret's reference is secret:NAME, with 1 to 128 of A-Z a-z 0-9 _ . - as its name, "
            "which begins with no dot"
        )


class SecretTooLargeError(SecretStoreError):
    def __init__(self, largest: int) -> None:
        super().__init__(f"a secret is at most {largest} bytes")


class SecretFolderError(SecretStoreError):
    def __init__(self, path: Path, cause: str) -> None:
        super().__init__(f"{path} cannot hold secrets: {cause}")


class SecretKeyMissingError(SecretStoreError):
    def __init__(self, path: Path) -> None:
        super().__init__(
            f"{path} is missing, without which the sealed secrets beside it cannot be opened: "
            "restore it from a backup, or move the sealed file away and set the secrets anew"
        )


class SecretDamagedError(SecretStoreError):
    def __init__(self, path: Path) -> None:
        super().__init__(
            f"{path} was changed or belongs to another key: restore it and its key from the same "
            "backup, or move it away and set the secrets anew"
        )

"""From the options of a command to the server it calls."""

from pathlib import Path

from entrypoints.cli.client import Target
from entrypoints.cli.failure import CommandFailedError, ExitCode
from entrypoints.cli.remembered import Remembered


def target_of(
    remembered: Remembered,
    *,
    address: str = "",
    key: str = "",
    plaintext: bool = False,
    authority: Path | None = None,
    administering: bool = False,
) -> Target:
    """What was given wins; a remembered key goes to the server it was remembered for alone.

    Whoever is `administering` calls with the operator's key where one is remembered.

    Raises:
        CommandFailedError: The file of the authority cannot be read.
    """
    chosen = address or remembered.address
    if not key and chosen == remembered.address:
        key = (administering and remembered.operator_key) or remembered.key
    return Target(
        address=chosen,
        key=key,
        plaintext=plaintext,
        authority=content_of(authority) if authority else b"",
    )


def content_of(path: Path) -> bytes:
    """Raises: CommandFailedError: The file cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise CommandFailedError(
            f"{path} cannot be read: {error.strerror}", code=ExitCode.FAILED
        ) from error


def tenant_name(tenant: str, remembered: Remembered) -> str:
    """`tenants/{tenant}` of the slug or the name given, else of the one last used.

    Raises:
        CommandFailedError: There is none.
    """
    slug = (tenant or remembered.tenant).removeprefix("tenants/")
    if not slug:
        raise CommandFailedError(
            "no tenant is named", "name one with --tenant", code=ExitCode.USAGE
        )
    return f"tenants/{slug}"


def capsule_name(tenant: str, capsule: str, remembered: Remembered) -> str:
    """`tenants/{tenant}/capsules/{capsule}` of the slugs given, else of those last used.

    Raises:
        CommandFailedError: The tenant or the capsule is not known.
    """
    slug = capsule or remembered.capsule
    if not slug:
        raise CommandFailedError(
            "no capsule is named", "name one with --capsule", code=ExitCode.USAGE
        )
    return f"{tenant_name(tenant, remembered)}/capsules/{slug}"

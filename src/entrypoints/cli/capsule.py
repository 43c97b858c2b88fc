"""Commands about capsules: make a key, sign, verify, bring in, make active and withdraw."""

# ruff: noqa: PLC0415 - each command brings what it needs: help must not wait for gRPC
import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from entrypoints.cli.calling import Server, calling
from entrypoints.cli.options import (
    Config,
    JsonFlag,
    PublicKeys,
    Tenant,
)

if TYPE_CHECKING:
    from application.kernel.ports import Json
    from domain.kernel.errors import DomainError
    from entrypoints.cli.screen import Screen

app = typer.Typer(help="Sign, check, install and withdraw capsules.", no_args_is_help=True)

File = Annotated[Path, typer.Argument(help="The capsule's file, YAML or JSON.")]


@app.command()
def keygen(
    stem: Annotated[Path, typer.Argument(help="Writes STEM.key (private) and STEM.pub.")],
    *,
    json: JsonFlag = False,
) -> None:
    """Make an author's Ed25519 key."""
    from entrypoints.assembly.offline import new_key_pair
    from entrypoints.cli.key_files import write_pair
    from entrypoints.cli.screen import Screen

    pair = new_key_pair()
    private, public = write_pair(stem, pair.private, pair.public)
    screen = Screen.standard(json=json)
    if screen.json:
        screen.emit(
            {"key_id": pair.key_id, "private_file": str(private), "public_file": str(public)}
        )
        return
    screen.say(f"key {pair.key_id}")
    screen.say(f"  {private}  keep it to yourself: it signs")
    screen.say(f"  {public}  give it to servers: they trust what it signed")


@app.command()
def sign(
    file: File,
    key_file: Annotated[
        Path | None,
        typer.Option(
            help="The author's private key. Unset: that of this machine's own service, which "
            "the service trusts."
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Where to; unset: the file itself.")] = None,
    config: Config = None,
    *,
    json: JsonFlag = False,
) -> None:
    """Sign a capsule; comments and order of the file stay as they are."""
    from entrypoints.assembly.offline import capsule_files, sign_capsules
    from entrypoints.cli.capsule_text import read_text, signed_text, write_text
    from entrypoints.cli.key_files import read_key
    from entrypoints.cli.screen import Screen

    signer = sign_capsules(read_key(key_file) if key_file else _own_key(config))
    text, files = read_text(file), capsule_files()

    async def signed() -> str:
        return await signed_text(text, await signer(await files.read(text)), files)

    written = out or file
    write_text(written, asyncio.run(signed()))
    screen = Screen.standard(json=json)
    if screen.json:
        screen.emit({"file": str(written), "key_id": signer.signer.key_id})
    else:
        screen.say(f"signed {written} with key {signer.signer.key_id}", "green")


@app.command()
def verify(file: File, public_key: PublicKeys = None, *, json: JsonFlag = False) -> None:
    """Check a capsule and its signature offline. Ends with 5 when it does not hold."""
    from domain.kernel.errors import DomainError
    from entrypoints.assembly.offline import capsule_files, verify_capsules
    from entrypoints.cli.capsule_text import read_text
    from entrypoints.cli.failure import ExitCode
    from entrypoints.cli.key_files import public_keys_of
    from entrypoints.cli.screen import Screen

    screen = Screen.standard(json=json)
    check = verify_capsules(public_keys_of(public_key or (), ()))
    text = read_text(file)
    try:
        found = check(asyncio.run(capsule_files().read(text)))
    except DomainError as refusal:
        _show_refusal(screen, refusal)
        raise typer.Exit(ExitCode.FOUND_WRONG) from refusal
    manifest = found.manifest
    if screen.json:
        screen.emit(
            {
                "valid": True,
                "name": manifest.name,
                "version": manifest.version,
                "hash": found.hash.hex(),
                "key_id": found.signature.key_id,
            }
        )
        return
    screen.say(f"holds: {manifest.name} {manifest.version}", "green")
    screen.say(f"  hash {found.hash.hex()}", "dim")
    screen.say(f"  key  {found.signature.key_id}", "dim")


@app.command()
@calling
def apply(
    server: Server,
    file: File,
    tenant: Tenant = "",
    *,
    activate: Annotated[bool, typer.Option(help="Make it the active version.")] = True,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check all, change nothing.")] = False,
    json: JsonFlag = False,
) -> None:
    """Bring a signed capsule into a tenant and make it the active version."""
    from entrypoints.cli.capsule_install import Installation, install
    from entrypoints.cli.capsule_text import read_text
    from entrypoints.cli.connecting import tenant_name
    from entrypoints.cli.figures import last_part
    from entrypoints.cli.screen import Screen
    from entrypoints.cli.turn_view import json_of

    remembered = server.remembered
    order = Installation(
        tenant=tenant_name(tenant, remembered),
        manifest=read_text(file),
        activate=activate,
        dry_run=dry_run,
    )
    target = server.target()
    capsule = asyncio.run(install(target, order))
    screen = Screen.standard(json=json)
    if screen.json:
        screen.emit(json_of(capsule))
        return
    done = "would be taken" if dry_run else "is active" if activate else "is there as a draft"
    screen.say(f"{capsule.name or last_part(str(file))} {done}", "green")
    screen.say(f"  hash {capsule.hash}", "dim")


@app.command()
@calling
def revoke(
    server: Server,
    capsule: Annotated[str, typer.Argument(help="The capsule's slug.")],
    version: Annotated[str, typer.Argument(help="The version, as in 1.0.0.")],
    tenant: Tenant = "",
    *,
    json: JsonFlag = False,
) -> None:
    """Withdraw a version for good: no turn begins under it any more."""
    from entrypoints.cli.capsule_install import withdraw
    from entrypoints.cli.connecting import capsule_name
    from entrypoints.cli.screen import Screen
    from entrypoints.cli.turn_view import json_of

    remembered = server.remembered
    target = server.target()
    name = f"{capsule_name(tenant, capsule, remembered)}/versions/{version}"
    revoked = asyncio.run(withdraw(target, name))
    screen = Screen.standard(json=json)
    if screen.json:
        screen.emit(json_of(revoked))
    else:
        screen.say(f"{revoked.name} is withdrawn", "green")


def _own_key(config: Path | None) -> str:
    """The author's key of this machine's service."""
    from entrypoints.assembly.secrets import AUTHOR_KEY, SecretKeeper
    from entrypoints.cli.configuring import loaded

    return asyncio.run(SecretKeeper(loaded(config).settings).need(AUTHOR_KEY))


def _show_refusal(screen: "Screen", refusal: "DomainError") -> None:
    if screen.json:
        problems: list[Json] = [
            {"field": one.field, "message": one.description} for one in refusal.violations
        ]
        screen.emit(
            {
                "valid": False,
                "reason": refusal.reason,
                "message": str(refusal),
                "problems": problems,
            }
        )
        return
    screen.say(f"does not hold: {refusal}", "bold red")
    for one in refusal.violations:
        screen.say(f"  {one.field or 'the file'}: {one.description}")

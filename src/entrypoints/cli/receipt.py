"""Commands about receipts: fetch one, check one or a range with nothing but public keys."""

# ruff: noqa: PLC0415 - each command brings what it needs: help must not wait for gRPC
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from entrypoints.cli.calling import Server, calling
from entrypoints.cli.options import JsonFlag, PublicKeys

if TYPE_CHECKING:
    from application.provenance.verify_receipt import Verification
    from entrypoints.cli.screen import Screen

app = typer.Typer(help="Fetch and check receipts.", no_args_is_help=True)

_STANDARD_INPUT = Path("-")


@app.command()
def verify(
    file: Annotated[Path, typer.Argument(help="A receipt or a range of them, JSON; - for stdin.")],
    public_key: PublicKeys = None,
    *,
    json: JsonFlag = False,
) -> None:
    """Check receipts offline and say what is wrong with them.

    Takes the files of `receipt get` and what grpcurl prints for GetReceipt; several receipts, in an
    array or one after another, must be consecutive links of one tenant's chain.
    Ends with 0 when all hold and with 5 when one does not.
    """
    from entrypoints.assembly.offline import verify_receipts
    from entrypoints.cli.failure import ExitCode
    from entrypoints.cli.key_files import public_keys_of
    from entrypoints.cli.receipt_file import normalized
    from entrypoints.cli.remembered import memory_path, recall
    from entrypoints.cli.screen import Screen

    content = _content(file)
    keys = public_keys_of(public_key or (), recall(memory_path()).receipt_keys)
    found = verify_receipts(keys).of_file(normalized(content))
    _show(Screen.standard(json=json), found)
    if not found.valid:
        raise typer.Exit(ExitCode.FOUND_WRONG)


@app.command()
@calling
def get(
    server: Server,
    record: Annotated[str, typer.Argument(help="tenants/{tenant}/records/{record}")],
    out: Annotated[Path | None, typer.Option(help="Where to; unset: standard output.")] = None,
) -> None:
    """Fetch the receipt of a record, as a file that `receipt verify` takes."""
    import asyncio

    from entrypoints.cli.failure import CommandFailedError
    from entrypoints.cli.receipt_fetch import fetch

    target = server.target()
    content = asyncio.run(fetch(target, record))
    try:
        if out is None:
            sys.stdout.buffer.write(content)
        else:
            out.write_bytes(content)
    except OSError as error:
        raise CommandFailedError(f"{out} cannot be written: {error.strerror}") from error


def _content(file: Path) -> bytes:
    from entrypoints.cli.connecting import content_of

    return sys.stdin.buffer.read() if file == _STANDARD_INPUT else content_of(file)


def _show(screen: "Screen", found: "Verification") -> None:
    if screen.json:
        screen.emit(
            {
                "valid": found.valid,
                "receipts": [
                    {"record": str(one.record_id), "position": one.position, "key_id": one.key_id}
                    for one in found.receipts
                ],
                "problems": [
                    {"kind": one.kind.value, "receipt": one.receipt, "message": one.words}
                    for one in found.problems
                ],
            }
        )
        return
    for problem in found.problems:
        screen.say(f"{problem.kind}: {problem.words}", "red")
    if found.valid:
        screen.say(_praise(found), "green")
    else:
        screen.say("does not hold", "bold red")


def _praise(found: "Verification") -> str:
    first, last = found.receipts[0], found.receipts[-1]
    if first is last:
        return f"holds: record {first.record_id}, position {first.position}, key {first.key_id}"
    return (
        f"holds: {len(found.receipts)} receipts, positions {first.position} to {last.position}, "
        f"tenant {first.tenant_id}"
    )

"""Commands about the secret store of this machine."""

# ruff: noqa: PLC0415 - the command brings what it needs: help must not wait for the store
import asyncio
import sys
from typing import Annotated

import typer

from entrypoints.cli.options import Config

app = typer.Typer(help="Keep secrets that settings refer to.", no_args_is_help=True)


@app.command("set")
def keep(
    name: Annotated[str, typer.Argument(help="As in the setting `secret:NAME`.")],
    config: Config = None,
) -> None:
    """Keep a secret: asked for without showing it, or read from standard input."""
    from entrypoints.assembly.secrets import SecretKeeper
    from entrypoints.cli.configuring import loaded
    from entrypoints.cli.failure import CommandFailedError, ExitCode
    from entrypoints.cli.screen import Screen

    settings = loaded(config).settings
    if sys.stdin.isatty():
        secret = str(typer.prompt(name, hide_input=True, confirmation_prompt=True))
    else:
        secret = sys.stdin.read().rstrip("\r\n")
    if not secret:
        raise CommandFailedError("the secret is empty", code=ExitCode.USAGE)
    reference = f"secret:{name.removeprefix('secret:')}"
    asyncio.run(SecretKeeper(settings).put(reference, secret))
    Screen.standard().note(f"kept; settings name it {reference}")

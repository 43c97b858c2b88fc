"""The command behind `make run`."""

# ruff: noqa: PLC0415 - the command brings what it needs: help must not wait for the service
import asyncio
from typing import Annotated

import typer

from entrypoints.cli.options import Config


def demo(
    message: Annotated[str, typer.Option("--message", "-m", help="What to say.")] = "",
    config: Config = None,
    *,
    serve: Annotated[
        bool | None,
        typer.Option("--serve/--no-serve", help="Go on serving; unset: on a terminal."),
    ] = None,
) -> None:
    """Run one governed turn, from nothing to a verified receipt.

    Starts what is missing of this machine's own engines, makes the tenant `demo` with a signed
    capsule and a key, sends one message, and shows the answer, what it used, its phases and its
    receipt.
    """
    from entrypoints.cli.configuring import loaded
    from entrypoints.cli.demo_run import MESSAGE, Demo, DemoOrder
    from entrypoints.cli.remembered import memory_path
    from entrypoints.cli.screen import Screen
    from entrypoints.local import local_stack

    screen = Screen.standard()
    settings = loaded(config).settings
    order = DemoOrder(
        memory=memory_path(),
        message=message or MESSAGE,
        serve=screen.interactive if serve is None else serve,
    )
    run = Demo(order, screen).run(lambda report: local_stack(settings, report))
    raise typer.Exit(asyncio.run(run))

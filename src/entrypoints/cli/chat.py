"""The command that talks to a capsule."""

# ruff: noqa: PLC0415 - the command brings what it needs: help must not wait for gRPC
from typing import Annotated

import typer

from entrypoints.cli.calling import Server, calling
from entrypoints.cli.options import JsonFlag, Tenant


@calling
def chat(
    server: Server,
    session: Annotated[
        str, typer.Argument(help="tenants/…/sessions/… to go on with; unset: a new one.")
    ] = "",
    message: Annotated[
        str, typer.Option("--message", "-m", help="Send this one message and end.")
    ] = "",
    tenant: Tenant = "",
    capsule: Annotated[str, typer.Option(help="The capsule's slug, for a new session.")] = "",
    *,
    json: JsonFlag = False,
) -> None:
    """Talk to a capsule.

    Answers stream; tool calls and costs are shown. Ctrl-C cancels the turn, a second one leaves it
    to itself. Without a terminal each line of standard input is a message; with --json each event
    is a line.
    """
    import msgspec

    from entrypoints.assembly.offline import identifiers
    from entrypoints.cli.chat_session import ChatOrder
    from entrypoints.cli.chat_session import chat as hold_chat
    from entrypoints.cli.connecting import capsule_name
    from entrypoints.cli.conversing import Conversation
    from entrypoints.cli.remembered import memory_path, recall, remember
    from entrypoints.cli.screen import Screen

    remembered = server.remembered
    order = ChatOrder(
        target=server.target(),
        session=session,
        capsule="" if session else capsule_name(tenant, capsule, remembered),
        message=message,
    )

    def keep(talk: Conversation) -> None:
        if order.target.address == remembered.address:
            path = memory_path()
            remember(path, msgspec.structs.replace(recall(path), turn=talk.turn))

    raise typer.Exit(hold_chat(order, Screen.standard(json=json), identifiers(), keep))

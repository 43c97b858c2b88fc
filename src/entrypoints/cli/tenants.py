"""Commands about tenants."""

# ruff: noqa: PLC0415 - each command brings what it needs: help must not wait for gRPC
from enum import StrEnum
from typing import Annotated

import typer

from entrypoints.cli.calling import Server, calling
from entrypoints.cli.options import JsonFlag

app = typer.Typer(help="Make tenants (for operators).", no_args_is_help=True)


class Plan(StrEnum):
    FREE = "free"
    STARTER = "starter"
    TEAM = "team"
    ENTERPRISE = "enterprise"


@app.command()
@calling
def create(
    server: Server,
    slug: Annotated[str, typer.Argument(help="2 to 63 of a-z, 0-9 and dash, a letter first.")],
    plan: Annotated[Plan, typer.Option(help="What it subscribes to.")] = Plan.FREE,
    display_name: Annotated[str, typer.Option(help="For people; unset: the slug.")] = "",
    *,
    json: JsonFlag = False,
) -> None:
    """Create a tenant with the limits of its plan. The key must be an operator's.

    Without a key, the operator's key of this machine's own service is used.
    """
    import asyncio

    from entrypoints.cli.administering import create_tenant
    from entrypoints.cli.screen import Screen
    from entrypoints.cli.turn_view import json_of

    target = server.target(administering=True)
    tenant = asyncio.run(create_tenant(target, slug, plan.value, display_name or slug))
    screen = Screen.standard(json=json)
    if screen.json:
        screen.emit(json_of(tenant))
    else:
        screen.say(f"{tenant.name} created, plan {plan}", "green")
        screen.say(
            f"  next: somagent keys create laptop --tenant {slug} --role administrator", "dim"
        )

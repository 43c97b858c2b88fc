"""Calls of tools by clients themselves, as a test asks for them."""

from asyncio import create_task, timeout

from adapters.schema.arguments import JsonSchemaArguments
from application.authorization.authorize import Authorize
from application.authorization.role_authorizer import RoleAuthorizer
from application.tools.call_facts import CallFacts
from application.tools.call_terms import CallTerms
from application.tools.execute_tool import ExecuteTool, ExecuteToolCommand
from domain.kernel.identifiers import RequestId
from domain.kernel.principal import Principal
from domain.tools.events import ToolInvoked
from domain.tools.invocation import InvocationState
from domain.tools.invocation_event import InvocationEvent
from tests.builders import SESSION, TENANT, principal
from tests.doubles import PATIENCE, until
from tests.inmemory_application import LEASE, REQUEST, Server
from tests.inmemory_world import World


def execute(server: Server) -> ExecuteTool:
    shared = server.world
    return ExecuteTool(
        runner=shared.tools,
        checker=JsonSchemaArguments(),
        authorize=Authorize(authorizer=RoleAuthorizer()),
        health=server.tool_health,
        budgets=shared.budgets,
        effects=shared.effects,
        invocations=shared.invocations,
        run=server.run_call,
        running=server.running_calls,
        facts=CallFacts(clock=shared.clock, identifiers=shared.identifiers),
        canonical=shared.canonical,
        clock=server.clock or shared.clock,
        times=shared.times,
        identifiers=shared.identifiers,
        subscription=server.subscription,
    )


def command(
    tool: str = "send",
    arguments: str = "{}",
    *,
    terms: CallTerms | None = None,
    asked_by: Principal | None = None,
    request_id: str = REQUEST,
) -> ExecuteToolCommand:
    return ExecuteToolCommand(
        principal=asked_by or principal(roles=("service",)),
        tenant_id=TENANT,
        tool=tool,
        arguments=arguments,
        request_id=RequestId(request_id),
        terms=terms or CallTerms(),
        session_id=SESSION,
    )


async def shown(server: Server, asked: ExecuteToolCommand) -> list[InvocationEvent]:
    async with timeout(PATIENCE):
        return [event async for event in execute(server)(asked)]


def kinds(events: list[InvocationEvent]) -> list[type]:
    return [type(event.body) for event in events]


def invoked(shared: World) -> list[InvocationState]:
    """How others are told that calls ended."""
    told = [one.event for one in shared.store.outbox.get((TENANT, TENANT), ())]
    return [one.state for one in told if isinstance(one, ToolInvoked)]


async def lost(shared: World, server: Server) -> None:
    """A call of `send` that started on a server which was then lost."""
    asked = create_task(shown(server, command()))
    await until(lambda: bool(shared.tools.runs))
    asked.cancel()
    shared.clock.advance(LEASE + 1)

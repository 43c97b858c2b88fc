"""One governed turn from nothing: tenant, capsule, key, message, budget, trace, receipt."""

import asyncio
import platform
import signal
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Final, Protocol

from msgspec.structs import replace

from application.capsule.sign_capsule import SignCapsule
from entrypoints.assembly.offline import capsule_files, identifiers, verify_receipts
from entrypoints.cli.administering import NewKey, create_key_with, create_tenant_with
from entrypoints.cli.capsule_install import Installation, install_with
from entrypoints.cli.capsule_text import signed_text
from entrypoints.cli.client import Client, Target, open_client
from entrypoints.cli.conversing import Conversation, listening
from entrypoints.cli.demo_account import account_of, show_account
from entrypoints.cli.demo_farewell import Farewell, show_farewell
from entrypoints.cli.failure import CommandFailedError, ExitCode
from entrypoints.cli.receipt_fetch import receipt_file
from entrypoints.cli.remembered import Remembered, recall, remember
from entrypoints.cli.screen import Screen
from entrypoints.cli.steps import Steps
from entrypoints.cli.trace_view import fetch_turn, phases_table
from somagent.conversation.v1.conversation_pb2 import (
    CreateSessionRequest,
    DeleteSessionRequest,
    Session,
)
from somagent.tenancy.v1.tenancy_pb2 import GetTenantRequest

TENANT: Final = "demo"
PLAN: Final = "team"
MESSAGE: Final = "How much is 17.5 * 3?"
CAPSULE_FILE: Final = Path(__file__).with_name("demo_capsule.yaml")


class Service(Protocol):
    """A service that runs in this process, and what its owner holds.

    `receipt_keys` are the public keys that sign receipts there, 32 bytes each; `sign_capsule` signs
    with an author's key that it trusts.
    """

    @property
    def address(self) -> str: ...
    @property
    def operator_key(self) -> str: ...
    @property
    def receipt_keys(self) -> Sequence[bytes]: ...
    @property
    def sign_capsule(self) -> SignCapsule: ...


StartService = Callable[[Callable[[str, str], None]], AbstractAsyncContextManager[Service]]
"""Starts a service and reports its steps; it ends with the block."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoOrder:
    """What to say, where to keep what is remembered, and whether to go on serving."""

    memory: Path
    message: str = MESSAGE
    serve: bool = False


@dataclass(slots=True)
class Demo:
    """The demonstration, step by step."""

    order: DemoOrder
    screen: Screen

    async def run(self, start: StartService) -> ExitCode:
        """Raises: CommandFailedError, StartError: A step failed; it says what to do."""
        if task := asyncio.current_task():
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        with Steps(self.screen) as steps:
            release = f"Python {platform.python_version()}, somagent {version('somagent')}"
            steps.passed("environment", release)
            async with start(steps.report) as service:
                remembered = await self._prepare(service, steps)
                target = Target(address=service.address, key=remembered.key)
                async with open_client(target, identifiers()) as client:
                    code = await self._turn(client, service, remembered)
                if self.order.serve:
                    await self._serve(service)
        return code

    async def _prepare(self, service: Service, steps: Steps) -> Remembered:
        """The tenant, its key and its capsule: made where they are missing."""
        old = recall(self.order.memory)
        known = old.address == service.address and old.tenant == TENANT
        steps.begin("tenant")
        operator = Target(address=service.address, key=service.operator_key)
        async with open_client(operator, identifiers()) as client:
            made = await _tenant_made(client)
            steps.done(f"{TENANT}, plan {PLAN}{'' if made else ', is there already'}")
            steps.begin("API key")
            kept = known and await self._opens(service, old.key)
            key = old.key if kept else await _new_key(client)
        steps.done(f"{key[:11]}…, role administrator{', kept from before' if kept else ''}")
        steps.begin("capsule")
        target = Target(address=service.address, key=key)
        async with open_client(target, identifiers()) as client:
            text = CAPSULE_FILE.read_text(encoding="utf-8")
            files = capsule_files()
            signed = await service.sign_capsule(await files.read(text))
            order = Installation(
                tenant=f"tenants/{TENANT}", manifest=await signed_text(text, signed, files)
            )
            capsule = await install_with(client, order)
            slug, release = capsule.name.split("/")[3::2]
            steps.done(
                f"{slug} {release}, intelligence {capsule.knobs.intelligence_level}, "
                "its first tool call named"
            )
            steps.begin("session")
            session = await _new_session(client, slug, old.session if known else "")
            steps.done(session)
        new = Remembered(
            address=service.address,
            key=key,
            operator_key=service.operator_key,
            tenant=TENANT,
            capsule=slug,
            session=session,
            receipt_keys=tuple(key.hex() for key in service.receipt_keys),
        )
        remember(self.order.memory, new)
        return new

    async def _turn(self, client: Client, service: Service, remembered: Remembered) -> ExitCode:
        before = await account_of(client, f"tenants/{TENANT}")
        self.screen.say()
        self.screen.say(f"> {self.order.message}", "bold")
        talk = Conversation(client, self.screen, remembered.session)
        with listening() as presses:
            view = await talk.say(self.order.message, presses)
        after = await account_of(client, f"tenants/{TENANT}")
        _, trace = await fetch_turn(client, talk.turn)
        remember(self.order.memory, replace(remembered, turn=talk.turn))
        self.screen.say()
        show_account(self.screen, before, after)
        self.screen.say()
        self.screen.show(phases_table(self.screen, trace.phases))
        self.screen.say()
        receipt = await self._receipt(client, service, view.record)
        farewell = Farewell(
            address=service.address,
            key=remembered.key,
            session=talk.session,
            turn=talk.turn,
            record=view.record,
            receipt=receipt,
            request_id=client.request_id(),
            serving=self.order.serve,
        )
        show_farewell(self.screen, farewell)
        return ExitCode.DONE if view.kind == "completed" else ExitCode.NOT_ANSWERED

    async def _receipt(self, client: Client, service: Service, record: str) -> Path:
        """The receipt in a file beside what is remembered, verified with nothing but the key."""
        content = await receipt_file(client, record)
        path = self.order.memory.parent / "receipts" / f"{record.rpartition('/')[2]}.json"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        except OSError as error:
            raise CommandFailedError(f"{path} cannot be written: {error.strerror}") from error
        found = verify_receipts(service.receipt_keys).of_file(content)
        if not found.valid:
            words = "; ".join(problem.words for problem in found.problems)
            raise CommandFailedError(
                f"the receipt does not hold: {words}", code=ExitCode.FOUND_WRONG
            )
        self.screen.say("receipt holds, checked offline with the public key alone", "green")
        self.screen.say(f"  {path}", "dim")
        return path

    async def _opens(self, service: Service, key: str) -> bool:
        """Whether a key from before is still good here."""
        if not key:
            return False
        target = Target(address=service.address, key=key)
        async with open_client(target, identifiers()) as client:
            request = GetTenantRequest(name=f"tenants/{TENANT}")
            try:
                await client.ask(client.tenancy.GetTenant, request)
            except CommandFailedError as failure:
                if failure.code is ExitCode.REFUSED:
                    return False
                raise
        return True

    async def _serve(self, service: Service) -> None:
        self.screen.say()
        self.screen.say(f"serving on {service.address}; Ctrl-C stops", "bold")
        with listening() as presses:
            await presses.first.wait()
        self.screen.note("stopping")


async def _tenant_made(client: Client) -> bool:
    """Whether it was made now; False where it is there already."""
    try:
        await create_tenant_with(client, TENANT, PLAN, "Demonstration")
    except CommandFailedError as failure:
        if failure.reason != "TENANT_ALREADY_EXISTS":
            raise
        return False
    return True


async def _new_key(client: Client) -> str:
    new = NewKey(tenant=f"tenants/{TENANT}", display_name="demonstration", roles=("administrator",))
    return (await create_key_with(client, new)).secret


async def _new_session(client: Client, capsule: str, old: str) -> str:
    """A new session; the one of the demonstration before gives its place back."""
    if old:
        deletion = DeleteSessionRequest(name=old, request_id=client.request_id())
        with suppress(CommandFailedError):
            await client.ask(client.conversation.DeleteSession, deletion)
    creation = CreateSessionRequest(
        parent=f"tenants/{TENANT}",
        session=Session(capsule=f"tenants/{TENANT}/capsules/{capsule}"),
        request_id=client.request_id(),
    )
    return (await client.ask(client.conversation.CreateSession, creation)).session.name

"""What the clients of a run were told: the other side of every check."""

from dataclasses import dataclass, field, replace
from typing import Final
from uuid import UUID

from somagent.conversation.v1 import conversation_pb2 as pb
from somagent.operations.v1 import operations_pb2
from tests.crash.checker.violation import Violation
from tests.crash.script import ScriptedModel
from tests.crash.tool_server import ToolServer
from tests.crash.topics import Found, Topics
from tests.system.client import Client, RefusedError

FINAL: Final = frozenset({"completed", "failed", "cancelled"})


def kind_of(event: pb.TurnEvent) -> str:
    return str(event.WhichOneof("event"))


@dataclass(slots=True, kw_only=True)
class Asked:
    """One message under one request id, and all that its client heard of it.

    `turns` are the names it was answered with: there must be one. `heard` is the stream as the
    client put it together over every server it was connected to; `again` is what the message was
    answered with once more, after its end. `cancelled` is the state in which a turn that was to be
    cancelled was told to be. `refused` is why it was not accepted; `gave_up` that the client was
    told nothing final in all its patience. One that was `sent` came by a topic, and not by a call.
    """

    tenant: str
    session: str
    request_id: str
    kind: str
    ident: str
    turns: set[str] = field(default_factory=set[str])
    heard: list[pb.TurnEvent] = field(default_factory=list[pb.TurnEvent])
    again: list[pb.TurnEvent] = field(default_factory=list[pb.TurnEvent])
    cancels: bool = False
    cancelled: str = ""
    rejects: bool = False
    sent: bool = False
    refused: str = ""
    gave_up: str = ""

    @property
    def turn(self) -> str:
        return next(iter(self.turns), "")

    @property
    def last(self) -> str:
        return kind_of(self.heard[-1]) if self.heard else ""

    @property
    def after(self) -> int:
        return self.heard[-1].sequence if self.heard else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """How a request was refused, by the name of its type, and whether its tenant is limited."""

    request: str
    error: RefusedError
    limited: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Called:
    """A call of a tool by itself, and the state it was answered with; empty for no answer.

    One that was `sent` came by a topic, where nobody is answered; one that `asks` waits for a
    person, whose yes comes when its capsule is `withdrawn`.
    """

    tenant: str
    request_id: str
    ident: str
    invocation: str = ""
    state: str = ""
    sent: bool = False
    asks: bool = False
    withdrawn: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoiled:
    """A message that must rest as a dead letter of a tenant, for a reason."""

    tenant: str
    reason: str


@dataclass(frozen=True, slots=True)
class Settled:
    """A dead letter by its name, and the state that a client was told it has."""

    letter: str
    state: "operations_pb2.DeadLetterState.ValueType"


@dataclass(slots=True, kw_only=True)
class Remembered:
    """A text of a client; it was asked to be forgotten, and the client was told that it is."""

    tenant: str
    ident: str
    name: str
    forgetting: bool = False
    forgotten: bool = False


@dataclass(slots=True, kw_only=True)
class Published:
    """A capsule: the versions that its maker was told of, in their order."""

    tenant: str
    capsule: str
    created: list[str] = field(default_factory=list[str])
    activating: list[str] = field(default_factory=list[str])
    activated: list[str] = field(default_factory=list[str])
    revoking: str = ""
    revoked: str = ""


@dataclass(slots=True, kw_only=True)
class MadeKey:
    """A key; its secret is empty where nobody knows it."""

    tenant: str
    ident: str
    name: str
    secret: str
    revoking: bool = False
    revoked: bool = False


@dataclass(slots=True, kw_only=True)
class Founded:
    """A tenant by request id; `told` are the times of its making that it was answered with."""

    slug: str
    request_id: str
    told: set[int] = field(default_factory=set[int])
    stopping: bool = False
    stopped: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Witness:
    """A tenant of a run, with a client of it at each server."""

    slug: str
    tenant_id: UUID
    clients: tuple[Client, ...]
    limited: bool = False

    def under(self, key: str, tenant: str) -> "Witness":
        """The same clients with another key, for a tenant."""
        shown = tuple(replace(one, key=key, tenant=tenant) for one in self.clients)
        return replace(self, slug=tenant, clients=shown)

    def patient(self) -> "Witness":
        """The same clients, who wait while servers wait for their database."""
        return replace(self, clients=tuple(replace(one, patient=True) for one in self.clients))


NOBODY: Final = Witness(slug="", tenant_id=UUID(int=0), clients=())
"""Where nobody was introduced."""


@dataclass(slots=True, kw_only=True)
class Evidence:
    """All that was told in one run. `secrets` must be found nowhere.

    `platform` are the operator's clients; in the tenant `idle` nobody does anything. `author_key`
    signs capsules that the servers trust.
    `topics` are there where a broker is, and `found` is what lies in them when all is over.
    `forsaken` are the names of calls about which nobody decides. `spoiled` are messages by their
    keys. `answered` are the requests that were, turns left out. `orders_errors` tells that servers
    were told to fail without dying, `troubled` that what they need, or their time, was taken away.
    `sampled` is what was found wrong while the run went on.
    """

    model: ScriptedModel = field(default_factory=ScriptedModel)
    tools: ToolServer = field(default_factory=ToolServer)
    topics: Topics | None = None
    found: list[Found] = field(default_factory=list[Found])
    platform: Witness = NOBODY
    author_key: str = ""
    tenants: list[Witness] = field(default_factory=list[Witness])
    idle: UUID = NOBODY.tenant_id
    asked: list[Asked] = field(default_factory=list[Asked])
    called: list[Called] = field(default_factory=list[Called])
    forsaken: set[str] = field(default_factory=set[str])
    remembered: list[Remembered] = field(default_factory=list[Remembered])
    published: list[Published] = field(default_factory=list[Published])
    registered: list[str] = field(default_factory=list[str])
    keys: list[MadeKey] = field(default_factory=list[MadeKey])
    founded: list[Founded] = field(default_factory=list[Founded])
    spoiled: dict[str, Spoiled] = field(default_factory=dict[str, Spoiled])
    settled: list[Settled] = field(default_factory=list[Settled])
    refusals: list[Refusal] = field(default_factory=list[Refusal])
    unanswered: list[str] = field(default_factory=list[str])
    answered: int = 0
    orders_errors: bool = False
    troubled: bool = False
    sampled: list[Violation] = field(default_factory=list[Violation])
    secrets: set[str] = field(default_factory=set[str])

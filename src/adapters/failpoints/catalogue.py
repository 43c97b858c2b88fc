"""The named steps at which a server can be told to fail: before and after each commit and call."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from inspect import getmembers, iscoroutinefunction
from types import MappingProxyType
from typing import Final

from application.budget.ports import Budgets, BudgetWarnings
from application.capability.ports import Capabilities
from application.capsule.ports import Capsules
from application.conversation.ports.journal import TurnJournal
from application.conversation.ports.leases import TurnLeases
from application.conversation.ports.sessions import FeedbackStore, SessionStore
from application.conversation.ports.signals import TurnSignals
from application.delivery.ports.dead_letters import DeadLetters
from application.delivery.ports.outbox import Outbox
from application.delivery.ports.published import Audits
from application.delivery.ports.publisher import EventPublisher
from application.delivery.ports.source import MessageSource
from application.kernel.ports import RequestClaims
from application.memory.ports import MemoryStore, NoteStore
from application.operations.ports import Books, Storage
from application.provenance.ports import Chains, Records
from application.tenancy.ports import ApiKeys, Tenants
from application.tools.ports import EffectJournal, ToolRunner

_READS: Final = "reads"
_OWN: Final = "reads, but for the sealer's lease and cursor, which may be lost without harm"
_NOTICE: Final = "a notice that may be lost: who waits for it looks by himself as well"

MODEL: Final = "model.stream"
"""The call of a model, whose points lie along its stream."""

MODEL_POINTS: Final = tuple(f"{MODEL}.{place}" for place in ("before", "first", "middle", "end"))
"""Before the call, at the first piece of text, at the second, and when it has ended."""


WRITER: Final = "writer.commit"
"""The commit of a batch, of commands of many turns: no port has a call for it."""

WRITER_POINTS: Final = (f"{WRITER}.after",)
"""Between the commit and its answers: the database knows, and nobody else does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """A port whose calls are steps.

    Every call has a point before it and one after it, save `swept`, which are made all the time and
    have one after a call that found something to do, and `unwatched`, each with the reason why it
    is no step.
    """

    port: type
    swept: tuple[str, ...] = ()
    unwatched: Mapping[str, str] = field(default_factory=dict[str, str])

    def calls(self) -> Iterator[str]:
        for name, _ in getmembers(self.port, iscoroutinefunction):
            if not name.startswith("_") and name not in self.unwatched:
                yield name

    def points(self, prefix: str) -> Iterator[str]:
        for call in self.calls():
            if call not in self.swept:
                yield f"{prefix}.{call}.before"
            yield f"{prefix}.{call}.after"


PORTS: Final[Mapping[str, Watched]] = MappingProxyType(
    {
        "journal": Watched(port=TurnJournal),
        "leases": Watched(port=TurnLeases, swept=("take_over", "promoted", "decided")),
        "effects": Watched(
            port=EffectJournal,
            swept=("take_over",),
            unwatched={"stalled": _READS},
        ),
        "budgets": Watched(
            port=Budgets,
            swept=("release_expired",),
            unwatched={
                "extend": "no use case makes it: a turn holds more through its journal",
                "usage": _READS,
                "limits": _READS,
            },
        ),
        "sessions": Watched(port=SessionStore, unwatched={"session": _READS, "sessions": _READS}),
        "feedback": Watched(port=FeedbackStore),
        "signals": Watched(
            port=TurnSignals,
            unwatched={
                "written": _NOTICE,
                "promoted": _NOTICE,
                "cancellations": _READS,
                "watched": _READS,
            },
        ),
        "claims": Watched(port=RequestClaims),
        "records": Watched(
            port=Records,
            unwatched={"record": _READS, "records": _READS, "receipt": _READS},
        ),
        "chains": Watched(port=Chains, unwatched={"unsealed": _OWN}),
        "outbox": Watched(
            port=Outbox,
            swept=("lease",),
            unwatched={"due": _READS, "backlog": _READS},
        ),
        "publisher": Watched(port=EventPublisher, unwatched={"condition": _READS}),
        "source": Watched(
            port=MessageSource,
            unwatched={
                "poll": "reads: what is done with is told by a commit",
                "pause": "is told to this process's own client",
                "resume": "is told to this process's own client",
                "lag": _READS,
                "replaced": _READS,
            },
        ),
        "letters": Watched(
            port=DeadLetters,
            unwatched={
                "page": _READS,
                "open": _READS,
                "keep_unknown": "deletes what is too much, or the next call does",
            },
        ),
        "audits": Watched(port=Audits),
        "tools": Watched(port=ToolRunner),
        "memories": Watched(port=MemoryStore, unwatched={"recall": _READS}),
        "notes": Watched(port=NoteStore, unwatched={"notes": _READS}),
        "capsules": Watched(
            port=Capsules,
            unwatched={
                "version": _READS,
                "by_id": _READS,
                "standing": _READS,
                "standing_of": _READS,
                "list": _READS,
            },
        ),
        "capabilities": Watched(port=Capabilities, unwatched={"all": _READS}),
        "tenants": Watched(port=Tenants, unwatched={"by_slug": _READS}),
        "keys": Watched(port=ApiKeys),
        "warnings": Watched(port=BudgetWarnings, unwatched={"due": _READS}),
        "books": Watched(
            port=Books,
            swept=("begin", "repair_held"),
            unwatched={"tenants": _READS, "overdue": _READS, "check": _READS},
        ),
        "retention": Watched(port=Storage, swept=("tend",)),
        "partitions": Watched(port=Storage, swept=("tend",)),
    }
)
"""The ports by the first word of their points' names."""

POINTS: Final = (
    *(point for prefix, watched in PORTS.items() for point in watched.points(prefix)),
    *MODEL_POINTS,
    *WRITER_POINTS,
)
"""Every point there is, as in `journal.finish.before`."""

"""The named steps at which a server can be told to fail: before and after each commit and call."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
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

MODEL: Final = "model.stream"
"""The call of a model, whose points lie along its stream."""

MODEL_POINTS: Final = tuple(f"{MODEL}.{place}" for place in ("before", "first", "middle", "end"))
"""Before the call, at the first piece of text, at the second, and when it has ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """A port whose calls are steps.

    Every call has a point before it and one after it, save `swept`, which are made all the time and
    have one after a call that found something to do, and `unwatched`, which change nothing, or are
    made by no use case, by the clock, or for what is poisoned or left for a day alone.
    """

    port: type
    swept: tuple[str, ...] = ()
    unwatched: tuple[str, ...] = ()

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
            port=EffectJournal, swept=("take_over",), unwatched=("stalled", "expire")
        ),
        "budgets": Watched(
            port=Budgets, swept=("release_expired",), unwatched=("extend", "usage", "limits")
        ),
        "sessions": Watched(port=SessionStore, unwatched=("session", "sessions")),
        "feedback": Watched(port=FeedbackStore),
        "signals": Watched(
            port=TurnSignals, unwatched=("written", "promoted", "cancellations", "watched")
        ),
        "claims": Watched(port=RequestClaims),
        "records": Watched(
            port=Records,
            unwatched=("record", "records", "receipt"),
        ),
        "chains": Watched(port=Chains, unwatched=("unsealed",)),
        "outbox": Watched(
            port=Outbox, swept=("lease",), unwatched=("leave", "due", "set_aside", "backlog")
        ),
        "publisher": Watched(port=EventPublisher, unwatched=("condition",)),
        "source": Watched(
            port=MessageSource, unwatched=("poll", "pause", "resume", "lag", "replaced")
        ),
        "letters": Watched(port=DeadLetters, unwatched=("page", "open")),
        "audits": Watched(port=Audits),
        "tools": Watched(port=ToolRunner),
        "memories": Watched(port=MemoryStore, unwatched=("recall",)),
        "notes": Watched(port=NoteStore, unwatched=("notes",)),
        "capsules": Watched(
            port=Capsules, unwatched=("version", "by_id", "standing", "standing_of", "list")
        ),
        "capabilities": Watched(port=Capabilities, unwatched=("all",)),
        "tenants": Watched(port=Tenants, unwatched=("by_slug",)),
        "keys": Watched(port=ApiKeys),
        "warnings": Watched(port=BudgetWarnings, unwatched=("due",)),
        "books": Watched(
            port=Books,
            swept=("begin", "repair_held"),
            unwatched=("tenants", "overdue", "check", "spare", "renew", "give_back"),
        ),
        "retention": Watched(port=Storage, swept=("tend",)),
        "partitions": Watched(port=Storage, swept=("tend",)),
    }
)
"""The ports by the first word of their points' names."""

POINTS: Final = (
    *(point for prefix, watched in PORTS.items() for point in watched.points(prefix)),
    *MODEL_POINTS,
)
"""Every point there is, as in `journal.finish.before`."""

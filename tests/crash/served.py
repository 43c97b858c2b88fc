"""Which acts of clients pass which points."""

from collections.abc import Mapping, Sequence
from typing import Final

from adapters.failpoints.catalogue import POINTS

SERVES: Final[Mapping[str, Sequence[str]]] = {
    "journal.pause": ("approved", "endorsed"),
    "journal.resume": ("approved", "endorsed"),
    "journal.extend": ("tool", "tools", "stamped"),
    "journal.take_on": ("slow", "tools", "posted"),
    "leases.append": ("overheard", "slow"),
    "leases.renew": ("slow", "tools"),
    "leases.promoted": ("queued",),
    "leases.decided": ("approved",),
    "leases.hand_back": ("slow",),
    "leases.take_over": ("slow", "tools"),
    "effects.begin": ("executed",),
    "effects.renew": ("executed_slowly",),
    "effects.take_over": ("executed_slowly",),
    "effects.decide": ("approved",),
    "effects.start": ("sanctioned",),
    "effects.deny": ("overtaken",),
    "effects.expire": ("forsaken",),
    "effects.resolve": ("resolved",),
    "effects.finish": ("executed", "tool"),
    "budgets": ("released",),
    "budgets.reserve": ("released", "settled"),
    "budgets.release_expired": ("left",),
    "budgets.settle": ("settled",),
    "budgets.set_limit": ("limited",),
    "sessions": ("short_session",),
    "feedback": ("rated",),
    "signals": ("cancelled",),
    "outbox": ("plain",),
    "publisher": ("plain",),
    "signals.watch": ("watched",),
    "claims": ("released", "settled", "limited"),
    "records": ("recorded",),
    "source": ("messaged", "requested"),
    "letters": ("mended", "discarded"),
    "letters.put": ("spoiled", "mended"),
    "letters.take": ("mended",),
    "audits": ("told_again",),
    "tools": ("posted",),
    "tools.status": ("posted", "posted_slowly"),
    "model": ("slow",),
    "writer": ("plain",),
    "memories": ("remembered",),
    "memories.forget": ("forgotten",),
    "notes": ("executed", "tool"),
    "capsules": ("published",),
    "capsules.revoke": ("withdrawn",),
    "capabilities": ("registered",),
    "keys": ("keyed",),
    "keys.revoke": ("unkeyed",),
    "warnings": ("warned",),
    "tenants": ("founded",),
    "tenants.stand": ("stopped",),
}
"""Acts that pass the points of a call, or of a port."""


_OF_MESSAGES: Final = ("source.", "letters.")


def points_with(*, broker: bool) -> tuple[str, ...]:
    """The points that can be passed: those of messages where there is a broker alone."""
    return tuple(point for point in POINTS if broker or not point.startswith(_OF_MESSAGES))


def acts_for(point: str) -> Sequence[str]:
    """What a client does so that this point is passed soon."""
    call = point.rpartition(".")[0]
    return SERVES.get(call) or SERVES.get(call.partition(".")[0]) or ("plain",)

"""What may be done with messages that could not be delivered or taken."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from adapters.protobuf.envelopes import envelope_of
from application.delivery.discard_dead_letters import DiscardDeadLetters
from application.delivery.edit_dead_letter import EditDeadLetter
from application.delivery.letter_audit import LetterAudit
from application.delivery.ports.publisher import EventPublisher
from application.delivery.ports.taking import TakeMessage
from application.delivery.read_dead_letters import GetDeadLetter, ListDeadLetters
from application.delivery.replay_dead_letters import ReplayDeadLetters
from application.delivery.replay_events import ReplayEvents
from application.delivery.tell_of_letter import PublishLetter
from entrypoints.assembly.stores import Stores
from entrypoints.assembly.system import System

LOG: Final = logging.getLogger("somagent.consumers")


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetterUseCases:
    list: ListDeadLetters
    get: GetDeadLetter
    edit: EditDeadLetter
    discard: DiscardDeadLetters
    replay_events: ReplayEvents
    replay: Callable[[TakeMessage], ReplayDeadLetters]
    tell: PublishLetter


def dead_letter_use_cases(
    stores: Stores, system: System, publisher: EventPublisher
) -> DeadLetterUseCases:
    letters = stores.dead_letters

    def replay(take: TakeMessage) -> ReplayDeadLetters:
        return ReplayDeadLetters(letters=letters, publisher=publisher, take=take, audit=audit)

    audit = LetterAudit(clock=stores.clock, identifiers=system.identifiers)
    return DeadLetterUseCases(
        list=ListDeadLetters(letters=letters),
        get=GetDeadLetter(letters=letters),
        edit=EditDeadLetter(letters=letters, audit=audit),
        discard=DiscardDeadLetters(letters=letters, audit=audit),
        replay_events=ReplayEvents(
            events=stores.published,
            audits=stores.audits,
            publisher=publisher,
            envelopes=envelope_of,
            clock=system.clock,
            identifiers=system.identifiers,
        ),
        replay=replay,
        tell=PublishLetter(
            publisher=publisher,
            missed=lambda refusal: LOG.warning("no copy of a dead letter was taken: %s", refusal),
        ),
    )

"""What may be done with messages that could not be delivered or taken."""

from dataclasses import dataclass

from application.delivery.discard_dead_letters import DiscardDeadLetters
from application.delivery.edit_dead_letter import EditDeadLetter
from application.delivery.letter_audit import LetterAudit
from application.delivery.read_dead_letters import GetDeadLetter, ListDeadLetters
from entrypoints.assembly.stores import Stores
from entrypoints.assembly.system import System


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetterUseCases:
    list: ListDeadLetters
    get: GetDeadLetter
    edit: EditDeadLetter
    discard: DiscardDeadLetters


def dead_letter_use_cases(stores: Stores, system: System) -> DeadLetterUseCases:
    letters = stores.dead_letters
    audit = LetterAudit(clock=system.clock, identifiers=system.identifiers)
    return DeadLetterUseCases(
        list=ListDeadLetters(letters=letters),
        get=GetDeadLetter(letters=letters),
        edit=EditDeadLetter(letters=letters, audit=audit),
        discard=DiscardDeadLetters(letters=letters, audit=audit),
    )

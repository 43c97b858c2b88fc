"""The part of somagent.operations.v1 that is about dead letters."""

from base64 import b64decode, b64encode
from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID

from application.authorization.authorize import AuthorizeQuery
from application.delivery.discard_dead_letters import DiscardDeadLetters, DiscardDeadLettersCommand
from application.delivery.edit_dead_letter import EditDeadLetter
from application.delivery.read_dead_letters import (
    GetDeadLetter,
    GetDeadLetterQuery,
    ListDeadLetters,
    ListDeadLettersQuery,
)
from application.delivery.replay_dead_letters import ReplayDeadLetters
from application.delivery.replay_events import ReplayEvents
from domain.authorization.permission import Permission
from domain.delivery.dead_letter import DeadLetter
from domain.kernel.identifiers import DeadLetterId
from entrypoints.grpc.admission import Admission, answering
from entrypoints.grpc.arriving import Call, credential_in
from entrypoints.grpc.caller import Caller
from entrypoints.grpc.dead_letter_forms import (
    edit_of,
    events_cursor,
    events_of,
    filter_of,
    letter_form,
    letters_of,
    refused_forms,
    replay_of,
)
from entrypoints.grpc.names import dead_letter_of
from entrypoints.grpc.paging import PageTokens, text_bytes
from entrypoints.grpc.request_ids import RequestIds
from somagent.operations.v1 import operations_pb2 as pb

R = TypeVar("R", pb.ReplayEventsRequest, pb.ReplayDeadLettersRequest)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetterRpcs:
    """What a letter carries is shown to those of its own tenant alone who may open it."""

    admission: Admission
    request_ids: RequestIds
    pages: PageTokens
    list_dead_letters: ListDeadLetters
    get_dead_letter: GetDeadLetter
    edit_dead_letter: EditDeadLetter
    discard_dead_letters: DiscardDeadLetters
    replay_dead_letters: ReplayDeadLetters
    replay_events: ReplayEvents

    async def ListDeadLetters(
        self, request: pb.ListDeadLettersRequest, call: Call
    ) -> pb.ListDeadLettersResponse:
        async with answering(self.admission, call, request) as caller:
            page = self.pages.page(
                caller, request, size=request.page_size, token=request.page_token
            )
            found = await self.list_dead_letters(
                ListDeadLettersQuery(
                    asked=filter_of(caller, request),
                    limit=page.limit,
                    after=DeadLetterId(UUID(page.after)) if page.after else None,
                )
            )
            shown, token = self.pages.cut(
                caller, request, page, found, lambda one: str(one.id), _weight
            )
            return pb.ListDeadLettersResponse(
                dead_letters=[letter_form(one) for one in shown], next_page_token=token
            )

    async def GetDeadLetter(
        self, request: pb.GetDeadLetterRequest, call: Call
    ) -> pb.GetDeadLetterResponse:
        async with answering(self.admission, call, request) as caller:
            whole = request.view == pb.DEAD_LETTER_VIEW_FULL
            if whole:
                await self.admission.authorize(
                    AuthorizeQuery(
                        principal=caller.principal,
                        permission=Permission.OPERATIONS_OPEN_DEAD_LETTER,
                        resource=request.name,
                    )
                )
            opened = await self.get_dead_letter(
                GetDeadLetterQuery(
                    tenant_id=caller.tenant_id, letter_id=dead_letter_of(request.name)
                )
            )
            return pb.GetDeadLetterResponse(
                dead_letter=letter_form(opened.letter, opened.content if whole else None)
            )

    async def UpdateDeadLetter(
        self, request: pb.UpdateDeadLetterRequest, call: Call
    ) -> pb.UpdateDeadLetterResponse:
        async with answering(self.admission, call, request) as caller:
            edit = edit_of(caller, request)
            if await self.request_ids.claim(caller, request, request.request_id):
                # Somebody may have changed it since: it is told as it stands, and left so.
                edited = await self.get_dead_letter(
                    GetDeadLetterQuery(tenant_id=edit.tenant_id, letter_id=edit.letter_id)
                )
            else:
                edited = await self.edit_dead_letter(edit)
                await self.request_ids.note(caller, request, request.request_id, edited.letter.etag)
            return pb.UpdateDeadLetterResponse(
                dead_letter=letter_form(edited.letter, edited.content)
            )

    async def DiscardDeadLetters(
        self, request: pb.DiscardDeadLettersRequest, call: Call
    ) -> pb.DiscardDeadLettersResponse:
        async with answering(self.admission, call, request) as caller:
            letters = letters_of(caller, request.names)
            await self.request_ids.claim(caller, request, request.request_id)
            settled = await self.discard_dead_letters(
                DiscardDeadLettersCommand(
                    tenant_id=caller.tenant_id,
                    letters=letters,
                    actor=caller.principal.subject,
                    note=request.note,
                )
            )
            return pb.DiscardDeadLettersResponse(
                dead_letters=[letter_form(one) for one in settled.letters],
                refused=refused_forms(caller.tenant, settled.refused),
            )

    async def ReplayDeadLetters(
        self, request: pb.ReplayDeadLettersRequest, call: Call
    ) -> pb.ReplayDeadLettersResponse:
        async with answering(self.admission, call, request) as caller:
            bare = _bare(request)
            page = self.pages.page(caller, bare, size=request.page_size, token=request.page_token)
            command = replay_of(caller, request, page, credential_in(call))
            if noted := await self.request_ids.claim(caller, request, request.request_id):
                return await self._replayed_before(caller, noted)
            replayed = await self.replay_dead_letters(command)
            answer = pb.ReplayDeadLettersResponse(
                dead_letters=[letter_form(one) for one in replayed.letters],
                refused=refused_forms(caller.tenant, replayed.refused),
                more=replayed.ended is not None,
                next_page_token=self.pages.token(caller, bare, str(replayed.ended))
                if replayed.ended
                else "",
            )
            await self.request_ids.note(caller, request, request.request_id, _noted(answer))
            return answer

    async def ReplayEvents(
        self, request: pb.ReplayEventsRequest, call: Call
    ) -> pb.ReplayEventsResponse:
        async with answering(self.admission, call, request) as caller:
            if request.topic:
                # Into a topic of whatever name only those may write who run the service.
                await self.admission.authorize(
                    AuthorizeQuery(
                        principal=caller.principal,
                        permission=Permission.OPERATIONS_REPLAY,
                        resource="",
                    )
                )
            bare = _bare(request)
            page = self.pages.page(caller, bare, size=request.page_size, token=request.page_token)
            command = events_of(caller, request, page)
            noted = await self.request_ids.claim(caller, request, request.request_id)
            if not noted:
                replayed = await self.replay_events(command)
                noted = f"{replayed.count}+{replayed.refused} {events_cursor(replayed)}"
                await self.request_ids.note(caller, request, request.request_id, noted)
            counts, _, place = noted.partition(" ")
            # An answer of an earlier version says nothing of those that were refused.
            count, _, refused = counts.partition("+")
            return pb.ReplayEventsResponse(
                replayed_events=int(count),
                refused_events=int(refused or 0),
                next_page_token=self.pages.token(caller, bare, place) if place else "",
            )

    async def _replayed_before(self, caller: Caller, noted: str) -> pb.ReplayDeadLettersResponse:
        """The first answer, with the letters as they are now."""
        answer = pb.ReplayDeadLettersResponse.FromString(b64decode(noted))
        for letter in answer.dead_letters:
            query = GetDeadLetterQuery(
                tenant_id=caller.tenant_id, letter_id=dead_letter_of(letter.name)
            )
            letter.CopyFrom(letter_form((await self.get_dead_letter(query)).letter))
        return answer


def _noted(answer: pb.ReplayDeadLettersResponse) -> str:
    """What is kept of an answer: of the letters their names."""
    kept = pb.ReplayDeadLettersResponse(
        refused=answer.refused, more=answer.more, next_page_token=answer.next_page_token
    )
    for letter in answer.dead_letters:
        kept.dead_letters.add(name=letter.name)
    # Nothing at all would be taken for no answer.
    return b64encode(kept.SerializeToString()).decode() or "===="


def _bare(request: R) -> R:
    """The request without its id: the next page is asked for under another one."""
    bare = type(request)()
    bare.CopyFrom(request)
    bare.ClearField("request_id")
    return bare


def _weight(letter: DeadLetter) -> int:
    errors = (one.error for one in letter.attempts)
    return text_bytes(letter.cause, letter.note, letter.origin, *errors) + len(letter.key)

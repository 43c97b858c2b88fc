"""A model is told what was said before: of a session's turns the one that ended last, at least."""

from collections.abc import Iterator
from typing import Final

from tests.crash.checker.ground import Ground
from tests.crash.checker.violation import Kind, Violation
from tests.crash.script import answer_of, kind_and_ident

COMPLETED: Final = 4

_TURNS: Final = """
    select t.turn_id, q.content, e.turn_id, e.state, b.content
    from turns t
    join messages q on q.tenant_id = t.tenant_id and q.message_id = t.question_id
    cross join lateral (
        select turn_id, state, question_id from turns
        where tenant_id = t.tenant_id and session_id = t.session_id
          and finished_at < t.accepted_at
        order by finished_at desc limit 1) e
    join messages b on b.tenant_id = t.tenant_id and b.message_id = e.question_id
    where t.tenant_id = any (%(tenants)s)
"""


def check_history(ground: Ground) -> Iterator[Violation]:
    """What had ended when a message was accepted is in each prompt that was made for it."""
    for turn, question, earlier, state, before in ground.rows(_TURNS):
        _, ident = kind_and_ident(str(question)) or ("", "")
        said = {str(before)}
        if state == COMPLETED and (asked := kind_and_ident(str(before))):
            said.add(answer_of(*asked))
        for known in ground.evidence.model.known.get(ident, ()):
            if missing := said - known:
                what = f"the model of turn {turn} was not told {missing}, said in {earlier} before"
                yield Violation(Kind.LOST, what)

"""The statements of the journal of effects: each is one function."""

from typing import Final

from adapters.postgres.outgoing import FACTS

BEGIN: Final = (
    b"""
select content, (invocation).* from begin_invocation(
    lock_tenants(array[%(tenant)s]::uuid[], %(patience)s), %(tenant)s, %(request)s, %(content)s,
    %(lease)s, %(invocation)s, %(round)s::integer, %(call)s, %(tool)s, %(arguments)s, %(digest)s,
    %(effect)s, %(state)s::smallint, %(permit)s, %(result)s, %(reason)s, %(requested_by)s,
    %(expires_at)s, %(created_at)s, %(slug)s, %(session)s::uuid, %(reservation)s::uuid,
    %(capsule)s::uuid, %(key)s::uuid,
"""
    + FACTS
)
START: Final = b"""
select started, (invocation).* from start_invocation(%s, %s, %s, %s::uuid, %s)
"""
FINISH: Final = b"""
select expected_fence, state_before, (invocation).*
  from finish_invocation(
    %(tenant)s, %(invocation)s, %(fence)s::bigint, %(state)s::smallint, %(result)s, %(reason)s)
"""
END: Final = (
    b"""
select expected_fence, state_before, (invocation).* from end_invocation(
    lock_tenants(array[%(tenant)s]::uuid[], %(patience)s), %(tenant)s, %(invocation)s,
    %(fence)s::bigint, %(state)s::smallint, %(result)s, %(reason)s, %(metrics)s::smallint[],
    %(amounts)s::bigint[], %(prices)s::integer[], %(billed)s::integer,
"""
    + FACTS
)
RENEW: Final = b"select renew_invocation(%s, %s, %s::bigint, %s)"
RESOLVE: Final = (
    b"""
select changed, (invocation).* from resolve_invocation(
    lock_tenants(array[%(tenant)s]::uuid[], %(patience)s), %(tenant)s, %(invocation)s,
    %(state)s::smallint, %(result)s, %(reason)s, %(note)s, %(by)s, %(at)s,
"""
    + FACTS
)
DECIDE: Final = (
    b"""
select changed, may_resume, (invocation).* from decide_invocation(
    lock_tenants(array[%(tenant)s]::uuid[], %(patience)s), %(tenant)s, %(invocation)s,
    %(approved)s, %(by)s,
"""
    + FACTS
)
EXPIRE: Final = (
    b"""
select expire_invocation(
    lock_tenants(array[%(tenant)s]::uuid[], %(patience)s), %(tenant)s, %(invocation)s,
    %(state)s::smallint, %(reason)s,
"""
    + FACTS
)
DENY: Final = (
    b"""
select * from deny_invocation(
    lock_tenants(array[%(tenant)s]::uuid[], %(patience)s), %(tenant)s, %(invocation)s, %(reason)s,
"""
    + FACTS
)
EXPIRED: Final = b"select tenant_id, invocation_id from expired_invocations(%s::integer)"
TAKE: Final = b"select * from take_invocations(%s::uuid[], %s::uuid[], %s)"
STALLED: Final = b"select tenant_id, invocation_id from stalled_invocations(%s::integer, %s)"
READ: Final = b"select * from read_invocations(%s::uuid[], %s::uuid[])"

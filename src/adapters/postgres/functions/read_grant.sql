-- A turn as it stands, for whoever asks again to accept it: of fences only the first may be his.
-- awaits_driver: it was promoted from its queue, and its server has written nothing of it yet.
-- Sees the tenant it sets; no locks.
create or replace function read_grant(
    p_tenant uuid, p_turn uuid,
    out state smallint, out fence bigint, out lease_ms integer, out ceiling bigint,
    out first_sequence bigint, out awaits_driver boolean)
language plpgsql as $$
begin
    perform set_config('app.tenant', p_tenant::text, true);
    select t.state, t.fence, lease_left(t.lease_until), t.sequence_ceiling,
           last_written(p_tenant, p_turn) + 1, t.awaits_driver
      into state, fence, lease_ms, ceiling, first_sequence, awaits_driver
      from turns t where t.tenant_id = p_tenant and t.turn_id = p_turn;
end $$;

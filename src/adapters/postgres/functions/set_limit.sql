-- Sets a standing limit, and the present period's, once per request id. It may lie below what is spent and
-- held: then nothing fits until it does. A null amount is unlimited. With p_etag only if the limit has this
-- version; one that does not exist has none. The facts of it are published with it.
-- Locks: none of its own, lock_tenants comes first.
-- Outcomes: 0 DONE, 2 EARLIER (both with the version that the limit has, or was given), 3 KEY_REUSED,
-- 6 STALE_FENCE (it has another version).
create or replace function set_limit(
    p_locked uuid[], p_tenant uuid, p_account uuid, p_kind text, p_name text, p_metric smallint,
    p_amount bigint, p_etag text, p_method text, p_request text, p_digest bytea,
    p_events uuid[], p_keys uuid[], p_types text[], p_traces text[], p_times bigint[], p_payloads bytea[],
    out outcome smallint, out version bigint)
language plpgsql as $$
declare
    v_known record;
begin
    select r.digest = p_digest as same, r.resource into v_known
      from requests r
     where r.tenant_id = p_tenant and r.method = p_method and r.request_id = p_request;
    if found then
        outcome := case when v_known.same then 2 else 3 end;
        version := v_known.resource;
        return;
    end if;
    if p_etag <> '' and not exists (
        select from limits l
         where l.tenant_id = p_tenant and l.account_id = p_account and l.metric = p_metric
           and l.version::text = p_etag) then
        outcome := 6;
        return;
    end if;

    insert into limits as known (tenant_id, account_id, metric, kind, name, amount)
    values (p_tenant, p_account, p_metric, p_kind, p_name, p_amount)
        on conflict (tenant_id, account_id, metric) do update
       set amount = excluded.amount,
           version = known.version + (known.amount is distinct from excluded.amount)::integer
    returning known.version into version;
    insert into accounts (tenant_id, account_id, metric, period, limit_amount)
    select n.tenant_id, p_account, p_metric, n.period, p_amount from tenants n where n.tenant_id = p_tenant
        on conflict (tenant_id, account_id, metric, period) do update
       set limit_amount = excluded.limit_amount;
    insert into requests (tenant_id, method, request_id, digest, resource, created_at)
    values (p_tenant, p_method, p_request, p_digest, version::text, clock_timestamp());
    perform publish_facts(p_tenant, p_events, p_keys, p_types, p_traces, p_times, p_payloads);
    outcome := 0;
end $$;

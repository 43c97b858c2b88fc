-- Makes a tenant: its row, its profile, its standing limits (a null amount is unlimited) and this month's
-- accounts, once per request id of the platform's tenant; the facts of it are the platform's.
-- Sets app.tenants: for the writer's login, which sees the new tenant and the platform's.
-- Locks: none of others; what comes second waits on the slug or on the request id.
-- condition: 1 made, 2 made before under this request id (tenant says which), 3 the request id is known with
-- another digest, 4 the slug is taken. A request id that is taken at this very moment is a unique violation:
-- nothing was made; asked again, it is 2 or 3.
create or replace function create_tenant(
    p_tenant uuid, p_platform uuid, p_slug text, p_display_name text, p_plan text, p_created_at timestamptz,
    p_method text, p_request text, p_digest bytea, p_metrics smallint[], p_amounts bigint[],
    p_events uuid[], p_keys uuid[], p_types text[], p_traces text[], p_times bigint[], p_payloads bytea[],
    out condition smallint, out tenant uuid)
language plpgsql as $$
declare
    v_made boolean;
begin
    perform set_config('app.tenants', array[p_tenant, p_platform]::text, true);
    select case when r.digest = p_digest then 2 else 3 end, r.resource::uuid into condition, tenant
      from requests r
     where r.tenant_id = p_platform and r.method = p_method and r.request_id = p_request;
    if found then
        return;
    end if;
    insert into tenant_profiles (tenant_id, slug, display_name, plan, standing, standing_reason, created_at, version)
    values (p_tenant, p_slug, p_display_name, p_plan, 1, '', p_created_at, 1)
        on conflict do nothing;
    v_made := found;
    if not v_made then
        select case when r.digest = p_digest then 2 else 3 end, r.resource::uuid into condition, tenant
          from requests r
         where r.tenant_id = p_platform and r.method = p_method and r.request_id = p_request;
        condition := coalesce(condition, 4);
        return;
    end if;
    insert into requests (tenant_id, method, request_id, digest, resource, created_at)
    values (p_platform, p_method, p_request, p_digest, p_tenant::text, clock_timestamp());
    insert into tenants (tenant_id) values (p_tenant);
    insert into limits (tenant_id, account_id, metric, kind, name, amount)
    select p_tenant, p_tenant, metric, 'tenant', p_tenant::text, amount
      from unnest(p_metrics, p_amounts) as plan_limit (metric, amount);
    perform open_periods(array[p_tenant], date_trunc('month', clock_timestamp() at time zone 'UTC')::date);
    if cardinality(p_events) > 0 then
        perform announce(array_fill(p_platform, array[cardinality(p_events)]), p_events, p_keys, p_types,
                         p_traces, p_times, p_payloads);
    end if;
    condition := 1;
    tenant := p_tenant;
end $$;

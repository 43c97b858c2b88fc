alter table invocations
    add column tenant text default '' not null,
    add column session_id uuid,
    add column reservation_id uuid,
    add column resolved_by text default '' not null,
    add column resolved_at timestamp with time zone,
    add column note text default '' not null;

create index invocations_unknown on invocations (tenant_id, invocation_id) where state = 6;

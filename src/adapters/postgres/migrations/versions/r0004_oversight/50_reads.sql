ALTER TABLE turns ADD COLUMN waits_until TIMESTAMP WITH TIME ZONE;

COMMENT ON COLUMN turns.waits_until IS 'while it is paused, if nobody decides any more';

-- Forced, row security hides every row from who upgrades.
alter table turns no force row level security;

alter table invocations no force row level security;

update turns t
   set waits_until = (select case when count(*) = 0 then clock_timestamp()
                                  when bool_and(i.expires_at is not null) then max(i.expires_at) end
                        from invocations i
                       where i.tenant_id = t.tenant_id and i.turn_id = t.turn_id and i.state = 1)
 where t.state = 3;

alter table turns force row level security;

alter table invocations force row level security;

drop index turns_paused;

CREATE INDEX turns_free ON turns (waits_until) WHERE state = 3;

CREATE INDEX turns_paused ON turns (tenant_id, waits_until) WHERE state = 3;

drop index invocations_awaiting;

drop index invocations_unknown;

drop index invocations_undecided;

drop index invocations_approved;

CREATE INDEX invocations_in_state ON invocations (tenant_id, state, invocation_id) WHERE state <> 4;

CREATE INDEX invocations_left ON invocations ((case when state = 1 then expires_at else decided_at end)) WHERE state in (1, 2) and turn_id is null;

CREATE INDEX invocations_left_of_tenant ON invocations (tenant_id, (case when state = 1 then expires_at else decided_at end)) WHERE state in (1, 2) and turn_id is null;

CREATE INDEX dead_letters_in_time ON dead_letters (created_at, letter_id);

CREATE INDEX dead_letters_of_key ON dead_letters (tenant_id, key, created_at, letter_id);

CREATE INDEX dead_letters_of_tenant ON dead_letters (tenant_id, created_at, letter_id);

CREATE INDEX dead_letters_resting ON dead_letters (created_at, letter_id) WHERE state = 1;

CREATE INDEX dead_letters_resting_of_tenant ON dead_letters (tenant_id, created_at, letter_id) WHERE state = 1;

ALTER TABLE findings ADD COLUMN place TEXT COLLATE "C" GENERATED ALWAYS AS (kind || ' ' || tenant_id::text || ' ' || reference) STORED;

COMMENT ON COLUMN findings.place IS 'where it stands among all, as pages of them have it';

CREATE INDEX findings_in_order ON findings (place);

CREATE INDEX findings_of_tenant ON findings (tenant_id, place);

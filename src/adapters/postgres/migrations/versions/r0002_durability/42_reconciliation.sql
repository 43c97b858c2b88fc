CREATE TABLE findings (
	kind TEXT NOT NULL, 
	tenant_id UUID NOT NULL, 
	reference TEXT NOT NULL, 
	detail TEXT NOT NULL, 
	repaired BOOLEAN NOT NULL, 
	found_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	seen_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT pk_findings PRIMARY KEY (kind, tenant_id, reference)
);

COMMENT ON COLUMN findings.reference IS 'what is wrong: see the kind';

alter table findings enable row level security;

alter table findings force row level security;

create policy somagent_reconciler on findings to somagent_reconciler using (true);

grant select, insert, update, delete on findings to somagent_reconciler;

CREATE TABLE reconciliations (
	scope TEXT NOT NULL, 
	began_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	ended_at TIMESTAMP WITH TIME ZONE, 
	leased_until TIMESTAMP WITH TIME ZONE, 
	CONSTRAINT pk_reconciliations PRIMARY KEY (scope)
);

COMMENT ON COLUMN reconciliations.ended_at IS 'when one last came to its end';

COMMENT ON COLUMN reconciliations.leased_until IS 'while a server is at it';

alter table reconciliations enable row level security;

alter table reconciliations force row level security;

create policy somagent_reconciler on reconciliations to somagent_reconciler using (true);

grant select, insert, update on reconciliations to somagent_reconciler;

create policy somagent_reconciler on tenants to somagent_reconciler using (true);

grant select on tenants to somagent_reconciler;

create policy somagent_reconciler on outbox to somagent_reconciler using (true);

grant select on outbox to somagent_reconciler;

create policy somagent_reconciler on event_keys to somagent_reconciler using (true);

grant select on event_keys to somagent_reconciler;

create policy somagent_reconciler on sessions to somagent_reconciler using (true);

grant select on sessions to somagent_reconciler;

create policy somagent_reconciler on turns to somagent_reconciler using (true);

grant select on turns to somagent_reconciler;

create policy somagent_reconciler on invocations to somagent_reconciler using (true);

grant select on invocations to somagent_reconciler;

create policy somagent_reconciler on accounts to somagent_reconciler using (true);

grant select on accounts to somagent_reconciler;

create policy somagent_reconciler on reservations to somagent_reconciler using (true);

grant select on reservations to somagent_reconciler;

create policy somagent_reconciler on ledger to somagent_reconciler using (true);

grant select on ledger to somagent_reconciler;

create policy somagent_reconciler on records to somagent_reconciler using (true);

grant select on records to somagent_reconciler;

CREATE INDEX accounts_overrun ON accounts (tenant_id, period) WHERE overrun > 0;

CREATE TABLE overruns (
	tenant_id UUID NOT NULL, 
	reference_id UUID NOT NULL, 
	step INTEGER NOT NULL, 
	account_id UUID NOT NULL, 
	metric SMALLINT NOT NULL, 
	amount BIGINT NOT NULL, 
	CONSTRAINT pk_overruns PRIMARY KEY (tenant_id, reference_id, step, account_id, metric)
);

alter table overruns enable row level security;

alter table overruns force row level security;

create policy request on overruns to somagent_request using (tenant_id = (select nullif(current_setting('app.tenant', true), '')::uuid));

grant select on overruns to somagent_request;

create policy writer on overruns to somagent_writer using ((tenant_id = any ((select nullif(current_setting('app.tenants', true), '')::uuid[])::uuid[])) is true);

grant select, insert on overruns to somagent_writer;

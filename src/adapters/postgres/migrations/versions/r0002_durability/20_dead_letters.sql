CREATE TABLE dead_letters (
	tenant_id UUID NOT NULL, 
	letter_id UUID NOT NULL, 
	source TEXT NOT NULL, 
	origin TEXT NOT NULL, 
	topic TEXT NOT NULL, 
	key BYTEA NOT NULL, 
	type TEXT NOT NULL, 
	header_names TEXT[] NOT NULL, 
	header_values BYTEA[] NOT NULL, 
	payload BYTEA NOT NULL, 
	payload_bytes BIGINT NOT NULL, 
	reason TEXT NOT NULL, 
	cause TEXT NOT NULL, 
	attempted_at TIMESTAMP WITH TIME ZONE[] NOT NULL, 
	attempt_errors TEXT[] NOT NULL, 
	state SMALLINT DEFAULT '1' NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	taken_until TIMESTAMP WITH TIME ZONE, 
	settled_at TIMESTAMP WITH TIME ZONE, 
	settled_by TEXT DEFAULT '' NOT NULL, 
	note TEXT DEFAULT '' NOT NULL, 
	version BIGINT DEFAULT '0' NOT NULL, 
	CONSTRAINT pk_dead_letters PRIMARY KEY (tenant_id, letter_id), 
	CONSTRAINT uq_dead_letters_tenant_id_source_origin UNIQUE (tenant_id, source, origin)
);

COMMENT ON COLUMN dead_letters.source IS 'who gave up: relay, or a consumer';

COMMENT ON COLUMN dead_letters.origin IS 'names the message there';

COMMENT ON COLUMN dead_letters.payload_bytes IS 'of all of it';

COMMENT ON COLUMN dead_letters.taken_until IS 'somebody replays it until then';

alter table dead_letters enable row level security;

alter table dead_letters force row level security;

create policy request on dead_letters to somagent_request using (tenant_id = (select nullif(current_setting('app.tenant', true), '')::uuid));

grant select, insert on dead_letters to somagent_request;

create policy writer on dead_letters to somagent_writer using ((tenant_id = any ((select nullif(current_setting('app.tenants', true), '')::uuid[])::uuid[])) is true);

grant select, insert, update on dead_letters to somagent_writer;

create policy somagent_relay on dead_letters to somagent_relay using (true);

grant select, insert on dead_letters to somagent_relay;

CREATE TABLE accounts (
	tenant_id UUID NOT NULL, 
	account_id UUID NOT NULL, 
	metric SMALLINT NOT NULL, 
	period DATE NOT NULL, 
	limit_amount BIGINT, 
	spent BIGINT DEFAULT '0' NOT NULL, 
	held BIGINT DEFAULT '0' NOT NULL, 
	overrun BIGINT DEFAULT '0' NOT NULL, 
	warned SMALLINT DEFAULT '0' NOT NULL, 
	announced SMALLINT DEFAULT '0' NOT NULL, 
	CONSTRAINT pk_accounts PRIMARY KEY (tenant_id, account_id, metric, period), 
	CONSTRAINT ck_accounts_spent CHECK (spent >= 0), 
	CONSTRAINT ck_accounts_held CHECK (held >= 0), 
	CONSTRAINT ck_accounts_overrun CHECK (overrun >= 0)
);

CREATE INDEX accounts_due ON accounts (tenant_id, account_id) WHERE warned > announced;

COMMENT ON COLUMN accounts.warned IS 'the highest announced percentage of the limit that spent has passed';

COMMENT ON COLUMN accounts.announced IS 'the highest percentage whose warning was sent out';

alter table accounts set (fillfactor = 20);

alter table accounts enable row level security;

alter table accounts force row level security;

create policy request on accounts to somagent_request using (tenant_id = (select nullif(current_setting('app.tenant', true), '')::uuid));

grant select on accounts to somagent_request;

create policy writer on accounts to somagent_writer using ((tenant_id = any ((select nullif(current_setting('app.tenants', true), '')::uuid[])::uuid[])) is true);

grant select, insert, update on accounts to somagent_writer;

create policy somagent_sweeper on accounts to somagent_sweeper using (warned > announced);

grant select on accounts to somagent_sweeper;

CREATE TABLE api_keys (
	tenant_id UUID NOT NULL, 
	key_id UUID NOT NULL, 
	subject TEXT NOT NULL, 
	display_name TEXT NOT NULL, 
	roles TEXT[] NOT NULL, 
	scopes TEXT[] NOT NULL, 
	digest BYTEA NOT NULL, 
	creator TEXT NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	expires_at TIMESTAMP WITH TIME ZONE, 
	revoked_at TIMESTAMP WITH TIME ZONE, 
	version BIGINT NOT NULL, 
	CONSTRAINT pk_api_keys PRIMARY KEY (tenant_id, key_id), 
	CONSTRAINT uq_api_keys_key_id UNIQUE (key_id)
);

COMMENT ON COLUMN api_keys.digest IS 'SHA-256 of the secret';

alter table api_keys enable row level security;

alter table api_keys force row level security;

create policy request on api_keys to somagent_request using (tenant_id = (select nullif(current_setting('app.tenant', true), '')::uuid));

grant select, insert, update on api_keys to somagent_request;

create policy somagent_directory on api_keys to somagent_directory using (true);

grant select on api_keys to somagent_directory;

CREATE TABLE capabilities (
	tenant_id UUID NOT NULL, 
	name TEXT NOT NULL, 
	modality TEXT NOT NULL, 
	provider TEXT NOT NULL, 
	model TEXT NOT NULL, 
	model_tier TEXT NOT NULL, 
	cost_tier TEXT NOT NULL, 
	context_window BIGINT NOT NULL, 
	input_price NUMERIC(20, 9) NOT NULL, 
	cached_price NUMERIC(20, 9) NOT NULL, 
	output_price NUMERIC(20, 9) NOT NULL, 
	tool_calling TEXT NOT NULL, 
	priority INTEGER NOT NULL, 
	enabled BOOLEAN NOT NULL, 
	local BOOLEAN NOT NULL, 
	supports_logprobs BOOLEAN NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	version BIGINT NOT NULL, 
	CONSTRAINT pk_capabilities PRIMARY KEY (tenant_id, name)
);

COMMENT ON COLUMN capabilities.input_price IS 'USD for a million tokens';

alter table capabilities enable row level security;

alter table capabilities force row level security;

create policy request on capabilities to somagent_request using (tenant_id = (select nullif(current_setting('app.tenant', true), '')::uuid));

grant select, insert, update on capabilities to somagent_request;

CREATE TABLE capsules (
	tenant_id UUID NOT NULL, 
	capsule_version_id UUID NOT NULL, 
	name TEXT NOT NULL, 
	version TEXT NOT NULL, 
	display_name TEXT NOT NULL, 
	document BYTEA NOT NULL, 
	hash BYTEA NOT NULL, 
	key_id TEXT NOT NULL, 
	signature BYTEA NOT NULL, 
	state SMALLINT NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	activated_at TIMESTAMP WITH TIME ZONE, 
	revision BIGINT NOT NULL, 
	CONSTRAINT pk_capsules PRIMARY KEY (tenant_id, capsule_version_id), 
	CONSTRAINT uq_capsules_tenant_id_name_version UNIQUE (tenant_id, name, version)
);

CREATE UNIQUE INDEX capsules_active ON capsules (tenant_id, name) WHERE state = 2;

CREATE INDEX capsules_in_order ON capsules (tenant_id, name, capsule_version_id desc);

COMMENT ON COLUMN capsules.document IS 'the manifest, RFC 8785';

COMMENT ON COLUMN capsules.revision IS 'counts changes of the state';

alter table capsules enable row level security;

alter table capsules force row level security;

create policy request on capsules to somagent_request using (tenant_id = (select nullif(current_setting('app.tenant', true), '')::uuid));

grant select, insert, update on capsules to somagent_request;

CREATE TABLE chain_heads (
	tenant_id UUID NOT NULL, 
	position BIGINT NOT NULL, 
	hash BYTEA NOT NULL, 
	CONSTRAINT pk_chain_heads PRIMARY KEY (tenant_id)
);

alter table chain_heads set (fillfactor = 40);

alter table chain_heads enable row level security;

alter table chain_heads force row level security;

create policy request on chain_heads to somagent_request using (tenant_id = (select nullif(current_setting('app.tenant', true), '')::uuid));

grant select on chain_heads to somagent_request;

create policy somagent_sealer on chain_heads to somagent_sealer using (true);

grant select, insert, update on chain_heads to somagent_sealer;

CREATE TABLE event_keys (
	tenant_id UUID NOT NULL, 
	key_id UUID NOT NULL, 
	event_sequence BIGINT DEFAULT '0' NOT NULL, 
	CONSTRAINT pk_event_keys PRIMARY KEY (tenant_id, key_id)
);

alter table event_keys set (fillfactor = 40);

alter table event_keys enable row level security;

alter table event_keys force row level security;

create policy request on event_keys to somagent_request using (tenant_id = (select nullif(current_setting('app.tenant', true), '')::uuid));

grant select, insert, update on event_keys to somagent_request;

create policy writer on event_keys to somagent_writer using ((tenant_id = any ((select nullif(current_setting('app.tenants', true), '')::uuid[])::uuid[])) is true);

grant select, insert, update on event_keys to somagent_writer;

CREATE TABLE feedback (
	tenant_id UUID NOT NULL, 
	turn_id UUID NOT NULL, 
	subject TEXT NOT NULL, 
	rating SMALLINT NOT NULL, 
	comment TEXT NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT pk_feedback PRIMARY KEY (tenant_id, turn_id, subject)
)
 PARTITION BY range (turn_id);

alter table feedback enable row level security;

alter table feedback force row level security;

create policy request on feedback to somagent_request using (tenant_id = (select nullif(current_setting('app.tenant', true), '')::uuid));

grant select, insert, update on feedback to somagent_request;

CREATE TABLE invocation_requests (
	tenant_id UUID NOT NULL, 
	request_id TEXT NOT NULL, 
	digest BYTEA NOT NULL, 
	invocation_id UUID NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT pk_invocation_requests PRIMARY KEY (tenant_id, request_id)
);

alter table invocation_requests enable row level security;

alter table invocation_requests force row level security;

create policy request on invocation_requests to somagent_request using (tenant_id = (select nullif(current_setting('app.tenant', true), '')::uuid));

grant select on invocation_requests to somagent_request;

create policy writer on invocation_requests to somagent_writer using ((tenant_id = any ((select nullif(current_setting('app.tenants', true), '')::uuid[])::uuid[])) is true);

grant select, insert on invocation_requests to somagent_writer;

CREATE TABLE invocations (
	tenant_id UUID NOT NULL, 
	invocation_id UUID NOT NULL, 
	turn_id UUID, 
	round INTEGER NOT NULL, 
	call_id TEXT NOT NULL, 
	tool TEXT NOT NULL, 
	arguments TEXT NOT NULL, 
	digest BYTEA NOT NULL, 
	effect BOOLEAN NOT NULL, 
	state SMALLINT NOT NULL, 
	permit TEXT NOT NULL, 
	result TEXT NOT NULL, 
	reason TEXT NOT NULL, 
	requested_by TEXT NOT NULL, 
	decided_by TEXT DEFAULT '' NOT NULL, 
	decided_at TIMESTAMP WITH TIME ZONE, 
	expires_at TIMESTAMP WITH TIME ZONE, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	finished_at TIMESTAMP WITH TIME ZONE, 
	fence BIGINT DEFAULT '0' NOT NULL, 
	lease_until TIMESTAMP WITH TIME ZONE, 
	CONSTRAINT pk_invocations PRIMARY KEY (tenant_id, invocation_id)
)
 PARTITION BY range (invocation_id);

CREATE INDEX invocations_awaiting ON invocations (tenant_id, invocation_id) WHERE state = 1;

CREATE INDEX invocations_leases ON invocations (lease_until) WHERE state = 3 and turn_id is null;

CREATE INDEX invocations_of_turn ON invocations (tenant_id, turn_id, invocation_id);

COMMENT ON TABLE invocations IS 'fillfactor=80';

COMMENT ON COLUMN invocations.fence IS 'of a call by itself; a call of a turn has the turn''s';

COMMENT ON COLUMN invocations.lease_until IS 'of a call by itself while it is started';

alter table invocations enable row level security;

alter table invocations force row level security;

create policy request on invocations to somagent_request using (tenant_id = (select nullif(current_setting('app.tenant', true), '')::uuid));

grant select on invocations to somagent_request;

create policy writer on invocations to somagent_writer using ((tenant_id = any ((select nullif(current_setting('app.tenants', true), '')::uuid[])::uuid[])) is true);

grant select, insert, update on invocations to somagent_writer;

create policy somagent_sweeper on invocations to somagent_sweeper using (state in (1, 3));

grant select on invocations to somagent_sweeper;

CREATE TABLE ledger (
	tenant_id UUID NOT NULL, 
	reference_id UUID NOT NULL, 
	step INTEGER NOT NULL, 
	metric SMALLINT NOT NULL, 
	amount BIGINT NOT NULL, 
	price_version INTEGER NOT NULL, 
	round INTEGER NOT NULL, 
	period DATE NOT NULL, 
	accounts UUID[] NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT pk_ledger PRIMARY KEY (tenant_id, reference_id, step, metric)
)
 PARTITION BY range (reference_id);

alter table ledger enable row level security;

alter table ledger force row level security;

create policy request on ledger to somagent_request using (tenant_id = (select nullif(current_setting('app.tenant', true), '')::uuid));

grant select on ledger to somagent_request;

create policy writer on ledger to somagent_writer using ((tenant_id = any ((select nullif(current_setting('app.tenants', true), '')::uuid[])::uuid[])) is true);

grant select, insert on ledger to somagent_writer;

CREATE TABLE limits (
	tenant_id UUID NOT NULL, 
	account_id UUID NOT NULL, 
	metric SMALLINT NOT NULL, 
	kind TEXT NOT NULL, 
	name TEXT NOT NULL, 
	amount BIGINT CONSTRAINT ck_limits_amount CHECK (amount >= 0), 
	CONSTRAINT pk_limits PRIMARY KEY (tenant_id, account_id, metric)
);

alter table limits enable row level security;

alter table limits force row level security;

create policy request on limits to somagent_request using (tenant_id = (select nullif(current_setting('app.tenant', true), '')::uuid));

grant select on limits to somagent_request;

create policy writer on limits to somagent_writer using ((tenant_id = any ((select nullif(current_setting('app.tenants', true), '')::uuid[])::uuid[])) is true);

grant select, insert, update, delete on limits to somagent_writer;

CREATE TABLE memories (
	tenant_id UUID NOT NULL, 
	memory_id UUID NOT NULL, 
	subject TEXT NOT NULL, 
	session_id UUID, 
	text TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	strength DOUBLE PRECISION NOT NULL, 
	source TEXT NOT NULL, 
	text_digest BYTEA NOT NULL, 
	nonce BYTEA, 
	request_id TEXT NOT NULL, 
	digest BYTEA NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	forgotten_at TIMESTAMP WITH TIME ZONE, 
	words TSVECTOR GENERATED ALWAYS AS (case when forgotten_at is null then to_tsvector('english'::regconfig, text) || array_to_tsvector(array['tenant:' || tenant_id::text]) end) STORED, 
	CONSTRAINT pk_memories PRIMARY KEY (tenant_id, memory_id), 
	CONSTRAINT uq_memories_tenant_id_request_id UNIQUE (tenant_id, request_id)
);

CREATE INDEX memories_words ON memories USING gin (words) WITH (fastupdate = off);

COMMENT ON COLUMN memories.subject IS 'empty: everybody''s';

COMMENT ON COLUMN memories.session_id IS 'null: of all sessions';

COMMENT ON COLUMN memories.nonce IS 'null once the text was destroyed';

alter table memories enable row level security;

alter table memories force row level security;

create policy request on memories to somagent_request using (tenant_id = (select nullif(current_setting('app.tenant', true), '')::uuid));

grant select, insert, update on memories to somagent_request;

create policy somagent_searcher on memories to somagent_searcher using (true);

grant select on memories to somagent_searcher;

CREATE TABLE messages (
	tenant_id UUID NOT NULL, 
	message_id UUID NOT NULL, 
	session_id UUID NOT NULL, 
	turn_id UUID NOT NULL, 
	role SMALLINT NOT NULL, 
	content TEXT NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT pk_messages PRIMARY KEY (tenant_id, message_id)
)
 PARTITION BY range (message_id);

CREATE INDEX messages_of_session ON messages (tenant_id, session_id, turn_id, message_id);

alter table messages enable row level security;

alter table messages force row level security;

create policy request on messages to somagent_request using (tenant_id = (select nullif(current_setting('app.tenant', true), '')::uuid));

grant select on messages to somagent_request;

create policy writer on messages to somagent_writer using ((tenant_id = any ((select nullif(current_setting('app.tenants', true), '')::uuid[])::uuid[])) is true);

grant select, insert on messages to somagent_writer;

CREATE TABLE notes (
	tenant_id UUID NOT NULL, 
	note_id UUID NOT NULL, 
	subject TEXT NOT NULL, 
	session_id UUID, 
	text TEXT NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT pk_notes PRIMARY KEY (tenant_id, note_id)
);

CREATE INDEX notes_of_subject ON notes (tenant_id, subject, note_id);

COMMENT ON COLUMN notes.note_id IS 'the invocation that wrote it';

alter table notes enable row level security;

alter table notes force row level security;

create policy request on notes to somagent_request using (tenant_id = (select nullif(current_setting('app.tenant', true), '')::uuid));

grant select, insert on notes to somagent_request;

CREATE TABLE outbox (
	tenant_id UUID NOT NULL, 
	event_id UUID NOT NULL, 
	key_id UUID NOT NULL, 
	sequence BIGINT NOT NULL, 
	type TEXT NOT NULL, 
	version SMALLINT DEFAULT '1' NOT NULL, 
	traceparent TEXT DEFAULT '' NOT NULL, 
	payload BYTEA NOT NULL, 
	occurred_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	published_at TIMESTAMP WITH TIME ZONE, 
	CONSTRAINT pk_outbox PRIMARY KEY (tenant_id, event_id)
)
 PARTITION BY range (event_id);

CREATE INDEX outbox_unpublished ON outbox (key_id, sequence) WHERE published_at is null;

alter table outbox enable row level security;

alter table outbox force row level security;

create policy request on outbox to somagent_request using (tenant_id = (select nullif(current_setting('app.tenant', true), '')::uuid));

grant select, insert on outbox to somagent_request;

create policy writer on outbox to somagent_writer using ((tenant_id = any ((select nullif(current_setting('app.tenants', true), '')::uuid[])::uuid[])) is true);

grant select, insert on outbox to somagent_writer;

create policy somagent_relay on outbox to somagent_relay using (true);

grant select, update (published_at) on outbox to somagent_relay;

create policy somagent_owner on outbox to somagent_owner using (published_at is null);

grant select on outbox to somagent_owner;

CREATE TABLE records (
	tenant_id UUID NOT NULL, 
	record_id UUID NOT NULL, 
	turn_id UUID, 
	position BIGINT NOT NULL, 
	body BYTEA NOT NULL, 
	nonce BYTEA, 
	seal BYTEA, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT pk_records PRIMARY KEY (tenant_id, record_id)
)
 PARTITION BY range (record_id);

CREATE INDEX records_in_order ON records (tenant_id, position);

CREATE INDEX records_unsealed ON records (tenant_id, position) WHERE seal is null;

COMMENT ON COLUMN records.nonce IS 'null once the hashed content was destroyed';

alter table records enable row level security;

alter table records force row level security;

create policy request on records to somagent_request using (tenant_id = (select nullif(current_setting('app.tenant', true), '')::uuid));

grant select on records to somagent_request;

create policy writer on records to somagent_writer using ((tenant_id = any ((select nullif(current_setting('app.tenants', true), '')::uuid[])::uuid[])) is true);

grant select, insert on records to somagent_writer;

create policy somagent_sealer on records to somagent_sealer using (true);

grant select, update (seal) on records to somagent_sealer;

create policy somagent_request on records to somagent_request using (false);

grant update (nonce) on records to somagent_request;

CREATE TABLE requests (
	tenant_id UUID NOT NULL, 
	method TEXT NOT NULL, 
	request_id TEXT NOT NULL, 
	digest BYTEA NOT NULL, 
	resource TEXT NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT pk_requests PRIMARY KEY (tenant_id, method, request_id)
);

CREATE INDEX requests_in_time ON requests (tenant_id, created_at);

COMMENT ON COLUMN requests.resource IS 'what it made or changed';

alter table requests enable row level security;

alter table requests force row level security;

create policy request on requests to somagent_request using (tenant_id = (select nullif(current_setting('app.tenant', true), '')::uuid));

grant select, insert, update, delete on requests to somagent_request;

create policy writer on requests to somagent_writer using ((tenant_id = any ((select nullif(current_setting('app.tenants', true), '')::uuid[])::uuid[])) is true);

grant select, insert, update, delete on requests to somagent_writer;

CREATE TABLE reservations (
	tenant_id UUID NOT NULL, 
	reservation_id UUID NOT NULL, 
	request_id TEXT NOT NULL, 
	digest BYTEA NOT NULL, 
	state SMALLINT NOT NULL, 
	step INTEGER DEFAULT '0' NOT NULL, 
	hold_period DATE NOT NULL, 
	hold_accounts UUID[] NOT NULL, 
	hold_metrics SMALLINT[] NOT NULL, 
	hold_amounts BIGINT[] NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	expires_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	ended_at TIMESTAMP WITH TIME ZONE, 
	CONSTRAINT pk_reservations PRIMARY KEY (tenant_id, reservation_id), 
	CONSTRAINT uq_reservations_tenant_id_request_id UNIQUE (tenant_id, request_id)
);

CREATE INDEX reservations_expiry ON reservations (expires_at) WHERE state = 1;

alter table reservations set (fillfactor = 60);

alter table reservations enable row level security;

alter table reservations force row level security;

create policy request on reservations to somagent_request using (tenant_id = (select nullif(current_setting('app.tenant', true), '')::uuid));

grant select on reservations to somagent_request;

create policy writer on reservations to somagent_writer using ((tenant_id = any ((select nullif(current_setting('app.tenants', true), '')::uuid[])::uuid[])) is true);

grant select, insert, update on reservations to somagent_writer;

create policy somagent_sweeper on reservations to somagent_sweeper using (state = 1);

grant select on reservations to somagent_sweeper;

CREATE TABLE sessions (
	tenant_id UUID NOT NULL, 
	session_id UUID NOT NULL, 
	capsule TEXT NOT NULL, 
	subject TEXT NOT NULL, 
	busy SMALLINT NOT NULL, 
	max_waiting INTEGER NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	deleted_at TIMESTAMP WITH TIME ZONE, 
	open_turn UUID, 
	waiting UUID[] DEFAULT '{}' NOT NULL, 
	event_sequence BIGINT DEFAULT '0' NOT NULL, 
	CONSTRAINT pk_sessions PRIMARY KEY (tenant_id, session_id), 
	CONSTRAINT ck_sessions_queue CHECK (open_turn is not null or waiting = '{}')
);

COMMENT ON COLUMN sessions.open_turn IS 'RUNNING or PAUSED';

COMMENT ON COLUMN sessions.waiting IS 'QUEUED turns, head first';

COMMENT ON COLUMN sessions.event_sequence IS 'number of the session''s last outgoing event';

alter table sessions set (fillfactor = 40);

alter table sessions enable row level security;

alter table sessions force row level security;

create policy request on sessions to somagent_request using (tenant_id = (select nullif(current_setting('app.tenant', true), '')::uuid));

grant select on sessions to somagent_request;

create policy writer on sessions to somagent_writer using ((tenant_id = any ((select nullif(current_setting('app.tenants', true), '')::uuid[])::uuid[])) is true);

grant select, insert, update on sessions to somagent_writer;

CREATE TABLE tenant_profiles (
	tenant_id UUID NOT NULL, 
	slug TEXT NOT NULL, 
	display_name TEXT NOT NULL, 
	plan TEXT NOT NULL, 
	standing SMALLINT NOT NULL, 
	standing_reason TEXT NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	version BIGINT NOT NULL, 
	CONSTRAINT pk_tenant_profiles PRIMARY KEY (tenant_id), 
	CONSTRAINT uq_tenant_profiles_slug UNIQUE (slug)
);

alter table tenant_profiles enable row level security;

alter table tenant_profiles force row level security;

create policy request on tenant_profiles to somagent_request using (tenant_id = (select nullif(current_setting('app.tenant', true), '')::uuid));

grant select, insert, update on tenant_profiles to somagent_request;

create policy writer on tenant_profiles to somagent_writer using ((tenant_id = any ((select nullif(current_setting('app.tenants', true), '')::uuid[])::uuid[])) is true);

grant select, insert, update on tenant_profiles to somagent_writer;

create policy somagent_directory on tenant_profiles to somagent_directory using (true);

grant select on tenant_profiles to somagent_directory;

CREATE TABLE tenants (
	tenant_id UUID NOT NULL, 
	record_position BIGINT DEFAULT '0' NOT NULL, 
	period DATE, 
	CONSTRAINT pk_tenants PRIMARY KEY (tenant_id)
);

COMMENT ON COLUMN tenants.record_position IS 'position of the last record in the tenant''s chain';

COMMENT ON COLUMN tenants.period IS 'the month, by its first day, for which accounts were opened';

alter table tenants set (fillfactor = 20);

alter table tenants enable row level security;

alter table tenants force row level security;

create policy request on tenants to somagent_request using (tenant_id = (select nullif(current_setting('app.tenant', true), '')::uuid));

grant select, insert on tenants to somagent_request;

create policy writer on tenants to somagent_writer using ((tenant_id = any ((select nullif(current_setting('app.tenants', true), '')::uuid[])::uuid[])) is true);

grant select, insert, update on tenants to somagent_writer;

CREATE TABLE turn_cancellations (
	tenant_id UUID NOT NULL, 
	turn_id UUID NOT NULL, 
	requested_by TEXT NOT NULL, 
	requested_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT pk_turn_cancellations PRIMARY KEY (tenant_id, turn_id)
);

alter table turn_cancellations enable row level security;

alter table turn_cancellations force row level security;

create policy request on turn_cancellations to somagent_request using (tenant_id = (select nullif(current_setting('app.tenant', true), '')::uuid));

grant select on turn_cancellations to somagent_request;

create policy writer on turn_cancellations to somagent_writer using ((tenant_id = any ((select nullif(current_setting('app.tenants', true), '')::uuid[])::uuid[])) is true);

grant select, insert on turn_cancellations to somagent_writer;

CREATE TABLE turn_events (
	tenant_id UUID NOT NULL, 
	turn_id UUID NOT NULL, 
	first_sequence BIGINT NOT NULL, 
	last_sequence BIGINT NOT NULL, 
	payload BYTEA NOT NULL, 
	CONSTRAINT pk_turn_events PRIMARY KEY (tenant_id, turn_id, first_sequence), 
	CONSTRAINT ck_turn_events_order CHECK (first_sequence <= last_sequence)
)
 PARTITION BY range (turn_id);

alter table turn_events alter payload set storage external;

alter table turn_events enable row level security;

alter table turn_events force row level security;

create policy request on turn_events to somagent_request using (tenant_id = (select nullif(current_setting('app.tenant', true), '')::uuid));

grant select on turn_events to somagent_request;

create policy writer on turn_events to somagent_writer using ((tenant_id = any ((select nullif(current_setting('app.tenants', true), '')::uuid[])::uuid[])) is true);

grant select, insert, update on turn_events to somagent_writer;

CREATE TABLE turn_requests (
	tenant_id UUID NOT NULL, 
	session_id UUID NOT NULL, 
	request_id TEXT NOT NULL, 
	digest BYTEA NOT NULL, 
	turn_id UUID NOT NULL, 
	CONSTRAINT pk_turn_requests PRIMARY KEY (tenant_id, session_id, request_id)
)
 PARTITION BY range (session_id);

alter table turn_requests enable row level security;

alter table turn_requests force row level security;

create policy request on turn_requests to somagent_request using (tenant_id = (select nullif(current_setting('app.tenant', true), '')::uuid));

grant select on turn_requests to somagent_request;

create policy writer on turn_requests to somagent_writer using ((tenant_id = any ((select nullif(current_setting('app.tenants', true), '')::uuid[])::uuid[])) is true);

grant select, insert on turn_requests to somagent_writer;

CREATE TABLE turn_watchers (
	tenant_id UUID NOT NULL, 
	turn_id UUID NOT NULL, 
	server_id UUID NOT NULL, 
	until TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT pk_turn_watchers PRIMARY KEY (tenant_id, turn_id, server_id)
);

alter table turn_watchers enable row level security;

alter table turn_watchers force row level security;

create policy request on turn_watchers to somagent_request using (tenant_id = (select nullif(current_setting('app.tenant', true), '')::uuid));

grant select on turn_watchers to somagent_request;

create policy writer on turn_watchers to somagent_writer using ((tenant_id = any ((select nullif(current_setting('app.tenants', true), '')::uuid[])::uuid[])) is true);

grant select, insert, update, delete on turn_watchers to somagent_writer;

CREATE TABLE turns (
	tenant_id UUID NOT NULL, 
	turn_id UUID NOT NULL, 
	session_id UUID NOT NULL, 
	capsule_version_id UUID NOT NULL, 
	state SMALLINT NOT NULL, 
	owner_id UUID NOT NULL, 
	fence BIGINT NOT NULL, 
	lease_until TIMESTAMP WITH TIME ZONE, 
	awaits_driver BOOLEAN DEFAULT false NOT NULL, 
	sequence_ceiling BIGINT NOT NULL, 
	round INTEGER NOT NULL, 
	settlements INTEGER NOT NULL, 
	hold_period DATE NOT NULL, 
	hold_accounts UUID[] NOT NULL, 
	hold_metrics SMALLINT[] NOT NULL, 
	hold_amounts BIGINT[] NOT NULL, 
	question_id UUID NOT NULL, 
	terms BYTEA NOT NULL, 
	accepted_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	deadline_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	finished_at TIMESTAMP WITH TIME ZONE, 
	promoted_turn UUID, 
	record_id UUID, 
	answer_id UUID, 
	outcome BYTEA, 
	transcript BYTEA, 
	trace BYTEA, 
	CONSTRAINT pk_turns PRIMARY KEY (tenant_id, turn_id), 
	CONSTRAINT ck_turns_lease CHECK ((state = 2) = (lease_until is not null)), 
	CONSTRAINT ck_turns_holds CHECK (0 <= all (hold_amounts) and 1000000000000 >= all (hold_amounts))
)
 PARTITION BY range (turn_id);

CREATE INDEX turns_leases ON turns (lease_until) WHERE state = 2;

CREATE INDEX turns_of_session ON turns (tenant_id, session_id, turn_id);

CREATE INDEX turns_paused ON turns (turn_id) WHERE state = 3;

CREATE INDEX turns_promoted ON turns (owner_id) WHERE awaits_driver;

COMMENT ON TABLE turns IS 'fillfactor=60';

COMMENT ON COLUMN turns.owner_id IS 'the server that drives it';

COMMENT ON COLUMN turns.awaits_driver IS 'promoted, and its server has not taken it up yet';

COMMENT ON COLUMN turns.round IS 'the last one that was committed';

COMMENT ON COLUMN turns.settlements IS 'steps of its ledger lines';

COMMENT ON COLUMN turns.terms IS 'JSON of the order but its text';

COMMENT ON COLUMN turns.promoted_turn IS 'which its end promoted';

COMMENT ON COLUMN turns.outcome IS 'JSON of its usage and failure';

COMMENT ON COLUMN turns.transcript IS 'JSON of its messages while it is paused';

COMMENT ON COLUMN turns.trace IS 'JSON of the decision trace';

alter table turns alter trace set storage external;

alter table turns enable row level security;

alter table turns force row level security;

create policy request on turns to somagent_request using (tenant_id = (select nullif(current_setting('app.tenant', true), '')::uuid));

grant select on turns to somagent_request;

create policy writer on turns to somagent_writer using ((tenant_id = any ((select nullif(current_setting('app.tenants', true), '')::uuid[])::uuid[])) is true);

grant select, insert, update on turns to somagent_writer;

create policy somagent_sweeper on turns to somagent_sweeper using (state in (2, 3));

grant select, update on turns to somagent_sweeper;

DROP INDEX outbox_unpublished;

CREATE INDEX outbox_unpublished ON outbox ((get_byte(uuid_send(key_id), 15) & 63), key_id, sequence) WHERE published_at is null;

CREATE TABLE relays (
	relay_id UUID NOT NULL, 
	live_until TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT pk_relays PRIMARY KEY (relay_id)
);

alter table relays enable row level security;

alter table relays force row level security;

create policy somagent_relay on relays to somagent_relay using (true);

grant select, insert, update, delete on relays to somagent_relay;

CREATE TABLE relay_buckets (
	bucket SMALLINT NOT NULL, 
	fence BIGINT NOT NULL, 
	owner_id UUID, 
	lease_until TIMESTAMP WITH TIME ZONE, 
	CONSTRAINT pk_relay_buckets PRIMARY KEY (bucket)
);

alter table relay_buckets enable row level security;

alter table relay_buckets force row level security;

create policy somagent_relay on relay_buckets to somagent_relay using (true);

grant select, insert, update on relay_buckets to somagent_relay;

create policy somagent_sealer on outbox to somagent_sealer using (type = 'records.sealed');

grant insert on outbox to somagent_sealer;

create policy somagent_sealer on event_keys to somagent_sealer using (true);

grant select, insert, update on event_keys to somagent_sealer;

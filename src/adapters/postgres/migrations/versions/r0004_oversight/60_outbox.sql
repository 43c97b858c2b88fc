CREATE INDEX outbox_in_time ON outbox (tenant_id, created_at) WHERE published_at is not null;

drop policy somagent_owner on outbox;

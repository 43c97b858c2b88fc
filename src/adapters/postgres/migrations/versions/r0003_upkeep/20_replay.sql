CREATE INDEX outbox_published ON outbox (tenant_id, key_id, sequence) WHERE published_at is not null;

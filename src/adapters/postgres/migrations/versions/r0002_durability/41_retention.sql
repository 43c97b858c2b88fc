create policy somagent_sweeper on requests to somagent_sweeper using (created_at < now() - interval '24 hours');

grant select, delete on requests to somagent_sweeper;

CREATE INDEX invocation_requests_in_time ON invocation_requests (tenant_id, created_at);

create policy somagent_sweeper on invocation_requests to somagent_sweeper using (created_at < now() - interval '24 hours');

grant select, delete on invocation_requests to somagent_sweeper;

CREATE INDEX reservations_ended ON reservations (tenant_id, ended_at) WHERE ended_at is not null;

alter policy somagent_sweeper on reservations using (state = 1 or ended_at < now() - interval '24 hours');

grant delete on reservations to somagent_sweeper;

ALTER TABLE sessions ADD COLUMN requests_dropped BOOLEAN DEFAULT false NOT NULL;

COMMENT ON COLUMN sessions.requests_dropped IS 'it is deleted, and its request ids were kept long enough';

CREATE INDEX sessions_deleted ON sessions (tenant_id, deleted_at) WHERE deleted_at is not null and not requests_dropped;

create policy somagent_sweeper on sessions to somagent_sweeper using (deleted_at < now() - interval '24 hours');

grant select, update (requests_dropped) on sessions to somagent_sweeper;

create policy somagent_sweeper on turn_requests to somagent_sweeper using (true);

grant select, delete on turn_requests to somagent_sweeper;

CREATE INDEX turn_cancellations_in_time ON turn_cancellations (tenant_id, requested_at);

create policy somagent_sweeper on turn_cancellations to somagent_sweeper using (requested_at < now() - interval '24 hours');

grant select, delete on turn_cancellations to somagent_sweeper;

create policy somagent_sweeper on tenants to somagent_sweeper using (true);

grant select on tenants to somagent_sweeper;

CREATE INDEX dead_letters_settled ON dead_letters (tenant_id, settled_at) WHERE settled_at is not null;

create policy somagent_sweeper on dead_letters to somagent_sweeper using (state <> 1 and settled_at < now() - interval '24 hours');

grant select, delete on dead_letters to somagent_sweeper;

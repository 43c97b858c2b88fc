create index invocations_undecided on invocations (expires_at) where state = 1 and turn_id is null;

create index invocations_approved on invocations (decided_at) where state = 2 and turn_id is null;

alter policy somagent_sweeper on invocations using (state in (1, 2, 3));

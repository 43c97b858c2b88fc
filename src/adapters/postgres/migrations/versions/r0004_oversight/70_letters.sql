drop policy somagent_sweeper on dead_letters;

create policy somagent_sweeper on dead_letters to somagent_sweeper using ((state <> 1 and settled_at < now() - interval '24 hours') or (state = 1 and version = 0 and source <> 'relay' and tenant_id = '00000000-0000-7000-8000-000000000001'));

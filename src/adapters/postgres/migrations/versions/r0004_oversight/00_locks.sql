-- Who writes turns and their calls has locked a tenant before: with tenants locked first nobody holds one of these
-- tables and waits for another while they are changed.
lock table tenants in access exclusive mode;
lock table turns, invocations, outbox, dead_letters, findings in access exclusive mode;

-- Who settles has locked a tenant before: with tenants locked first nobody holds one of these tables and waits for
-- another while they are changed.
lock table tenants in access exclusive mode;
lock table accounts, ledger in access exclusive mode;

ALTER TABLE accounts ADD COLUMN opened_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL;

COMMENT ON COLUMN accounts.opened_at IS 'what is settled from then on is borne here';

-- Forced, row security hides every row from who upgrades.
alter table accounts no force row level security;

alter table ledger no force row level security;

-- Of what is there it is known of a tenant's own that it was open all the month, or when it first bore something.
update accounts a
   set opened_at = case when exists (select from accounts b
                                      where b.tenant_id = a.tenant_id and b.account_id = a.account_id
                                        and b.metric = a.metric and b.period < a.period)
                        then '-infinity'
                        else coalesce((select min(g.created_at) from ledger g
                                        where g.tenant_id = a.tenant_id and g.metric = a.metric
                                          and g.period = a.period and a.account_id = any (g.accounts)),
                                      a.opened_at) end
 where a.account_id = a.tenant_id;

alter table accounts force row level security;

alter table ledger force row level security;

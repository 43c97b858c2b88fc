CREATE TABLE usage_naming (
	since TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT pk_usage_naming PRIMARY KEY (since)
);

COMMENT ON COLUMN usage_naming.since IS 'when revision 0003 was made';

insert into usage_naming values (clock_timestamp());

alter table usage_naming enable row level security;

alter table usage_naming force row level security;

create policy somagent_reconciler on usage_naming to somagent_reconciler using (true);

grant select on usage_naming to somagent_reconciler;

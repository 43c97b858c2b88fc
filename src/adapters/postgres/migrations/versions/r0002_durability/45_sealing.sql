CREATE TABLE sealing (
	only_row BOOLEAN NOT NULL, 
	sealer_id UUID NOT NULL, 
	leased_until TIMESTAMP WITH TIME ZONE, 
	CONSTRAINT pk_sealing PRIMARY KEY (only_row), 
	CONSTRAINT ck_sealing_only_row CHECK (only_row)
);

COMMENT ON COLUMN sealing.sealer_id IS 'the server that was last shown some';

COMMENT ON COLUMN sealing.leased_until IS 'so long others are shown none';

alter table sealing enable row level security;

alter table sealing force row level security;

create policy somagent_sealer on sealing to somagent_sealer using (true);

grant select, insert, update on sealing to somagent_sealer;

ALTER TABLE limits ADD COLUMN version BIGINT DEFAULT '1' NOT NULL;

COMMENT ON COLUMN limits.version IS 'counts changes of the amount';

ALTER TABLE reservations ADD COLUMN used_metrics SMALLINT[];

ALTER TABLE reservations ADD COLUMN used_amounts BIGINT[];

ALTER TABLE reservations ADD COLUMN overruns BIGINT[];

COMMENT ON COLUMN reservations.used_metrics IS 'once it is settled';

COMMENT ON COLUMN reservations.overruns IS 'of each hold, once it is settled';

ALTER TABLE tenant_profiles ADD COLUMN switched_on TEXT[] DEFAULT '{}' NOT NULL;

ALTER TABLE tenant_profiles ADD COLUMN switched_off TEXT[] DEFAULT '{}' NOT NULL;

COMMENT ON COLUMN tenant_profiles.switched_on IS 'features; of those in neither list the default holds';

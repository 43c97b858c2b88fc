COMMENT ON COLUMN records.nonce IS NULL;

drop policy somagent_request on records;

revoke update (nonce) on records from somagent_request;

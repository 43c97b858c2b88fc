alter table invocations
    add column capsule_version_id uuid,
    add column key_id uuid,
    add column start_id uuid;

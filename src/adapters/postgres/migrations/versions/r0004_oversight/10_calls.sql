alter table invocations add column capsule_version_id uuid;

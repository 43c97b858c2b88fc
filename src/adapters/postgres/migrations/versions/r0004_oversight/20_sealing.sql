alter table sealing add column shown_to uuid;
comment on column sealing.shown_to is 'the last tenant of a page that was full';

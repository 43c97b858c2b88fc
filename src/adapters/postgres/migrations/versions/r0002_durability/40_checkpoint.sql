alter table turns rename column transcript to checkpoint;

comment on column turns.checkpoint is 'JSON of what it had done by its last round or pause';

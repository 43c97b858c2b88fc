alter table turns add column take_overs smallint not null default 0;

comment on column turns.take_overs is 'servers that were lost with it since it last got any further';

alter table turns add column taken_fence bigint;

comment on column turns.taken_fence is 'the fence under which it was last taken on';

alter table turns add column taken_step integer not null default 0;

comment on column turns.taken_step is 'how often it was taken on again under that fence';

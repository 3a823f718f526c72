alter table landing.deliveries add column version text;
comment on column landing.deliveries.path is
    'Where the delivery came from: a path, the address of an object, a URL, a table.';
comment on column landing.deliveries.file_hash is
    'SHA-256 of the bytes of the file that was read.';
comment on column landing.deliveries.version is
    'What its source said of its content before it was fetched, and a hash of how it was read; null where it says '
    'nothing.';

alter table raw.partitions add column version text;
comment on column raw.partitions.version is
    'The version of the delivery that was published (see landing.deliveries); one that is the same is not fetched again.';

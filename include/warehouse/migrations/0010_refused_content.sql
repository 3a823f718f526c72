alter table quality.quarantine add column seen jsonb;
comment on column quality.quarantine.seen is
    'By refused day: the version of the delivery that was read (see landing.deliveries), and by daily source that it '
    'refers to the hash of that day''s file. A day is tried again once one of them is another; null: not noted.';

alter table landing.deliveries add column file_hash text;
comment on column landing.deliveries.file_hash is 'SHA-256 of the file''s bytes, taken before it was read.';

alter table raw.partitions add column file_hash text;
comment on table raw.partitions is
    'One row for each delivered day of a daily source and for each snapshot''s day, as it was corrected last; hashed '
    'over full content. Ingestion makes the tables raw.<source> as sources.yml declares them.';
comment on column raw.partitions.file_hash is
    'SHA-256 of the bytes of the file that was published; null when that was not noted.';

create table raw.snapshots (
    source text not null,
    batch_day date not null,
    known_day date not null check (known_day >= batch_day),
    row_count bigint not null,
    content_hash text not null,
    published_at timestamptz not null default now(),
    primary key (source, batch_day, known_day)
);
comment on table raw.snapshots is
    'Every version of every snapshot that was published; grain: source, day of the snapshot, and day it became known.';
comment on column raw.snapshots.known_day is
    'The snapshot''s own day for its first version, the day of the correction for a later one.';

-- As of a date counts, of what was known before it, the newest snapshot in its newest version. A version counts from
-- the day after it became known until a later one is known; an old snapshot that is corrected too late never does.
create view raw.snapshot_periods as
with versions as (
    select
        *,
        min(known_day) over (
            partition by source
            order by batch_day desc, known_day desc
            rows between unbounded preceding and 1 preceding
        ) as replaced_day
    from raw.snapshots
)
select
    source,
    batch_day,
    known_day,
    row_count,
    content_hash,
    published_at,
    known_day + 1 as valid_from,
    coalesce(replaced_day + 1, date '9999-12-31') as valid_to
from versions
where replaced_day is null or replaced_day > known_day;
comment on view raw.snapshot_periods is
    'The as-of dates from valid_from to before valid_to, for which a version of a snapshot counts.';

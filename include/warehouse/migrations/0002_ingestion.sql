create table landing.deliveries (
    source text not null,
    batch_day date not null,
    path text not null,
    row_count bigint not null,
    state text not null default 'landed' check (state in ('landed', 'audited', 'refused', 'published')),
    landed_at timestamptz not null default now(),
    primary key (source, batch_day)
);
comment on table landing.deliveries is
    'Files whose rows are in landing.<source> now, and their state. Ingestion makes the tables landing.<source>.';

create table raw.partitions (
    source text not null,
    batch_day date not null,
    row_count bigint not null,
    content_hash text not null,
    published_at timestamptz not null default now(),
    primary key (source, batch_day)
);
comment on table raw.partitions is
    'One row for each delivered day of a daily source, one for the newest copy of a snapshot source; hashed over full '
    'content. Ingestion makes the tables raw.<source> as sources.yml declares them.';

create table quality.audits (
    audit_id text not null,
    source text not null,
    from_day date not null,
    to_day date not null,
    row_count bigint not null,
    rule_count integer not null,
    score double precision not null,
    passed boolean not null,
    failures jsonb not null,
    audited_at timestamptz not null default now(),
    primary key (audit_id, source)
);
comment on table quality.audits is 'Each audit of each source: its score, and the rules that it broke.';

create table quality.quarantine (
    audit_id text not null,
    source text not null,
    from_day date not null,
    to_day date not null,
    row_count bigint not null,
    reasons jsonb not null,
    item jsonb not null,
    files jsonb not null,
    sample_rows jsonb not null,
    quarantined_at timestamptz not null default now(),
    primary key (audit_id, source)
);
comment on table quality.quarantine is 'Batches that were refused, with their reasons and a sample of their rows.';

create table quality.profiles (
    source text not null,
    from_day date not null,
    to_day date not null,
    column_name text not null,
    row_count bigint not null,
    null_count bigint not null,
    distinct_count bigint not null,
    minimum text,
    maximum text,
    mean double precision,
    standard_deviation double precision,
    quantiles jsonb,
    top_values jsonb,
    audit_id text not null,
    profiled_at timestamptz not null default now(),
    primary key (source, from_day, to_day, column_name)
);
comment on table quality.profiles is 'Statistics of each column of each audited batch, kept as history.';

create schema latest;
comment on schema latest is
    'Views of dbt: the newest row of each entity, as the feature tables have it. What was validated of it is in online.';

create table quality.feature_dates (
    group_name text not null,
    as_of_date date not null,
    version integer not null,
    row_count bigint not null,
    content_hash text not null,
    build_key text not null,
    state text not null check (state in ('published', 'refused')),
    published_hash text,
    published_version integer,
    changed_at timestamptz not null default now(),
    primary key (group_name, as_of_date)
);
comment on table quality.feature_dates is
    'What the validation has last seen of each as-of date of a feature group; grain: group and as-of date.';
comment on column quality.feature_dates.content_hash is 'Sum of the hashes of the rows, which their order does not change.';
comment on column quality.feature_dates.build_key is 'The run of build_features whose validation saw this content first.';
comment on column quality.feature_dates.published_hash is
    'The content that was published last, also after another one was refused: limits are learned from it.';

create table quality.feature_profiles (
    group_name text not null,
    as_of_date date not null,
    content_hash text not null,
    feature text not null,
    build_key text not null,
    version integer not null,
    kind text not null check (kind in ('numeric', 'boolean', 'categorical')),
    row_count bigint not null,
    null_count bigint not null,
    distinct_count bigint not null,
    minimum double precision,
    maximum double precision,
    mean double precision,
    standard_deviation double precision,
    quantiles jsonb not null default '{}',
    top_values jsonb not null default '{}',
    profiled_at timestamptz not null default now(),
    primary key (group_name, as_of_date, content_hash, feature)
);
comment on table quality.feature_profiles is
    'Statistics of each feature at each as-of date, of every content that a build has brought; grain: group, as-of date, '
    'content and feature.';
comment on column quality.feature_profiles.null_count is 'Null, NaN and empty text, which models take for missing.';

create table quality.feature_validations (
    group_name text not null,
    build_key text not null,
    version integer not null,
    score double precision not null,
    minimum_score double precision not null,
    passed boolean not null,
    reason text not null,
    rules jsonb not null,
    date_count bigint not null,
    first_as_of date,
    newest_as_of date,
    row_count bigint not null,
    online_rows bigint,
    online_written bigint,
    validated_at timestamptz not null default now(),
    primary key (group_name, build_key)
);
create index on quality.feature_validations (group_name, validated_at desc);
comment on table quality.feature_validations is
    'Whether what a build has changed of a feature group was published, and every rule; grain: group and build.';
comment on column quality.feature_validations.date_count is 'As-of dates whose content was new or changed.';
comment on column quality.feature_validations.online_written is
    'Rows of the online table that were inserted, changed or removed; null where dbt writes the online table itself.';

create table quality.feature_references (
    group_name text not null,
    feature text not null,
    version integer not null,
    as_of_date date not null,
    edges double precision[],
    categories text[],
    counts bigint[] not null,
    published_at timestamptz not null default now(),
    primary key (group_name, feature),
    check ((edges is null) <> (categories is null))
);
comment on table quality.feature_references is
    'Histograms of each feature at the newest as-of date that was published, to measure drift against; grain: group and '
    'feature.';

create table quality.feature_drift (
    group_name text not null,
    build_key text not null,
    feature text not null,
    as_of_date date not null,
    reference_as_of_date date not null,
    psi double precision not null,
    ks_statistic double precision,
    p_value_adjusted double precision not null,
    is_drifted boolean not null,
    measured_at timestamptz not null default now(),
    primary key (group_name, build_key, feature)
);
comment on table quality.feature_drift is
    'Each feature of the newest as-of date against the newest one that was published before; grain: group, build and feature.';

create schema history;
comment on schema history is 'What readers had before: rows by the time at which they were published.';

create table history.feature_rows (
    group_name text not null,
    as_of_date date not null,
    keys jsonb not null,
    version integer not null,
    content jsonb not null,
    known_from timestamptz not null,
    known_to timestamptz,
    primary key (group_name, as_of_date, keys, known_from),
    check (known_to > known_from)
);
comment on table history.feature_rows is
    'Every published row of the feature groups that keep their history; grain: group, as-of date, entity and publication.';
comment on column history.feature_rows.content is 'The row by column, as it was published.';
comment on column history.feature_rows.known_to is 'When another row took its place, or none; null while it is published.';

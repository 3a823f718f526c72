-- Tables of predictions and outcomes are made for each declared model; these are shared by all models.
create table monitoring.reference_profiles (
    model_name text not null,
    model_version integer not null,
    feature text not null,
    kind text not null check (kind in ('numeric', 'categorical')),
    edges double precision[],
    categories text[],
    counts bigint[] not null,
    captured_at timestamptz not null,
    primary key (model_name, model_version, feature),
    check ((kind = 'numeric') = (edges is not null)),
    check ((kind = 'categorical') = (categories is not null))
);
comment on table monitoring.reference_profiles is
    'Histograms of the features that each version was trained on; grain: model, version and feature.';
comment on column monitoring.reference_profiles.edges is 'Edges of the bins of a numeric or boolean feature.';
comment on column monitoring.reference_profiles.categories is 'Values of a categorical feature, one a count.';

create table monitoring.performance (
    model_name text not null,
    model_version integer not null,
    as_of_date date not null,
    first_cohort date not null,
    last_cohort date not null,
    predictions bigint not null,
    entities bigint not null,
    metric text not null,
    score double precision,
    score_standard_error double precision,
    baseline_score double precision,
    metrics jsonb not null default '{}',
    computed_at timestamptz not null,
    primary key (model_name, model_version, as_of_date)
);
comment on table monitoring.performance is
    'How well each version predicted, once outcomes are known; grain: model, version and as-of date.';
comment on column monitoring.performance.metric is 'Name of the score, which is higher for a better model.';

create table monitoring.drift (
    model_name text not null,
    model_version integer not null,
    as_of_date date not null,
    kind text not null check (kind in ('feature', 'score')),
    column_name text not null,
    psi double precision not null,
    ks_statistic double precision,
    p_value double precision,
    p_value_adjusted double precision,
    missing_share_reference double precision not null,
    missing_share_current double precision not null,
    is_drifted boolean not null,
    computed_at timestamptz not null,
    primary key (model_name, model_version, as_of_date, kind, column_name)
);
comment on table monitoring.drift is
    'Each feature and score of a day against its reference; grain: model, version, as-of date, kind and column.';

create table monitoring.decisions (
    model_name text not null,
    as_of_date date not null,
    model_version integer not null,
    action text not null check (action in ('keep', 'retrain')),
    reasons text[] not null,
    checks jsonb not null,
    run_key text not null,
    decided_at timestamptz not null,
    primary key (model_name, as_of_date)
);
comment on table monitoring.decisions is 'Whether to train again, and why; grain: model and as-of date.';

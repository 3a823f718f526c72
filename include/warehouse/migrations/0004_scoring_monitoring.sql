create table ml.predictions (
    as_of_date date not null,
    household_id bigint not null,
    model_name text not null,
    model_version integer not null,
    probability double precision not null check (probability between 0 and 1),
    is_churn_predicted boolean not null,
    scored_at timestamptz not null,
    primary key (as_of_date, household_id, model_version)
);

create index predictions_by_model on ml.predictions (model_name, model_version, as_of_date);

create table ml.outcomes (
    as_of_date date not null,
    household_id bigint not null,
    churned boolean not null,
    known_at timestamptz not null,
    primary key (as_of_date, household_id)
);

create table monitoring.reference_profiles (
    model_name text not null,
    model_version integer not null,
    feature text not null,
    edges double precision[] not null,
    counts bigint[] not null,
    captured_at timestamptz not null,
    primary key (model_name, model_version, feature)
);

create table monitoring.performance (
    model_name text not null,
    model_version integer not null,
    as_of_date date not null,
    first_cohort date not null,
    last_cohort date not null,
    predictions bigint not null,
    customers bigint not null,
    base_rate double precision not null,
    auc double precision,
    auc_standard_error double precision,
    baseline_auc double precision,
    accuracy double precision not null,
    precision double precision,
    recall double precision,
    f1 double precision,
    brier_score double precision not null,
    log_loss double precision not null,
    calibration_error double precision not null,
    computed_at timestamptz not null,
    primary key (model_name, model_version, as_of_date)
);

create table monitoring.drift (
    model_name text not null,
    model_version integer not null,
    as_of_date date not null,
    kind text not null check (kind in ('feature', 'score')),
    column_name text not null,
    psi double precision not null,
    ks_statistic double precision not null,
    p_value double precision not null,
    p_value_adjusted double precision not null,
    missing_share_reference double precision not null,
    missing_share_current double precision not null,
    is_drifted boolean not null,
    computed_at timestamptz not null,
    primary key (model_name, model_version, as_of_date, kind, column_name)
);

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

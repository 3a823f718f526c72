alter table serving.inference_log add column as_of_date date;
comment on column serving.inference_log.as_of_date is
    'The day of the features that were read from the online store by the keys; null where the request brought them.';

create table monitoring.served_checks (
    model_name text not null,
    run_key text not null,
    from_at timestamptz not null,
    until_at timestamptz not null,
    requests bigint not null,
    compared bigint not null,
    recomputed bigint not null,
    inconsistent bigint not null,
    differences jsonb not null,
    checked_at timestamptz not null default now(),
    primary key (model_name, run_key)
);
comment on table monitoring.served_checks is
    'Whether the features that the model server used are those of the feature tables; grain: model and run.';
comment on column monitoring.served_checks.compared is
    'Requests by key that were compared; those of equal features count once.';
comment on column monitoring.served_checks.recomputed is
    'Of them, those that differ from rows that were computed anew after the request, or refused, which is no fault.';
comment on column monitoring.served_checks.differences is 'The first differing values: feature, keys, as-of date, both values.';

-- A new champion is judged on the day of its promotion too, also where the one before it has asked for a retraining.
alter table monitoring.decisions
    drop constraint decisions_pkey,
    add primary key (model_name, as_of_date, model_version);
comment on table monitoring.decisions is
    'Whether to train again, and why; grain: model, as-of date and version of the champion.';

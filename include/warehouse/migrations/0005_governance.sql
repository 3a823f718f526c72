create table governance.lineage_events (
    event_id uuid primary key,
    event_time timestamptz not null,
    event_type text,
    run_id uuid,
    job_namespace text,
    job_name text,
    inputs text[] not null default '{}',
    outputs text[] not null default '{}',
    event jsonb not null,
    received_at timestamptz not null default now()
);

create index lineage_events_outputs on governance.lineage_events using gin (outputs);
create index lineage_events_inputs on governance.lineage_events using gin (inputs);
create index lineage_events_run on governance.lineage_events (run_id);
create index lineage_events_job on governance.lineage_events (job_namespace, job_name, event_time);

-- One answer for each run of the deployment: a second copy of the same answer changes nothing.
create table governance.approvals (
    id bigint generated always as identity primary key,
    at timestamptz not null default now(),
    model_name text not null,
    model_version int not null,
    decision text not null,
    answered_by text not null,
    trained_by text not null,
    dag_id text not null,
    run_id text not null unique,
    reason text not null default '',
    seen jsonb not null default '{}'
);

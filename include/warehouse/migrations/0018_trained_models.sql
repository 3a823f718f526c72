-- What decides about production stands here, and its rows are only ever appended. The tags of MLflow, which whoever
-- reaches its API can rewrite, are copies for people.
create function governance.refuse_change() returns trigger language plpgsql as $$
begin
    raise exception 'Rows of %.% are only ever appended: % is refused', tg_table_schema, tg_table_name, lower(tg_op);
end;
$$;

create table ml.candidates (
    run_id text primary key,
    at timestamptz not null default clock_timestamp(),
    assembled_at timestamptz not null,
    model_name text not null,
    family text not null,
    feature_set text,
    trained_by text not null,
    data_version text not null,
    feature_version text not null,
    code_revision text not null,
    model_uri text not null,
    onnx_sha256 text not null,
    result jsonb not null
);
create index candidates_model_name on ml.candidates (model_name, at);
comment on table ml.candidates is 'Models that were fitted, tested and logged; grain: MLflow run.';
comment on column ml.candidates.assembled_at is 'When its training set was read.';
comment on column ml.candidates.trained_by is 'Who answers for it: nobody may approve what they trained.';
comment on column ml.candidates.onnx_sha256 is 'Of the file that was tested; no other file is ever opened in its place.';
comment on column ml.candidates.result is 'Everything that was measured.';

create table ml.gate_results (
    id bigint generated always as identity primary key,
    at timestamptz not null default clock_timestamp(),
    run_id text not null references ml.candidates,
    gate text not null,
    is_passed boolean not null,
    observed double precision,
    threshold double precision,
    severity text not null,
    reason text not null,
    detail jsonb not null
);
create index gate_results_run_id on ml.gate_results (run_id, gate, id);
comment on table ml.gate_results is 'What each gate said of a candidate; the newest answer of a gate counts.';
comment on column ml.gate_results.detail is 'The whole answer.';

create table ml.decisions (
    id bigint generated always as identity primary key,
    at timestamptz not null default clock_timestamp(),
    run_id text not null references ml.candidates,
    decision text not null check (decision in ('refuse', 'staging', 'production')),
    reasons text[] not null,
    ranking jsonb not null
);
create index decisions_run_id on ml.decisions (run_id, id);
comment on table ml.decisions is 'How far the best candidate of a training may go; of a candidate, the newest decision counts.';

create table ml.versions (
    model_name text not null,
    version int not null check (version > 0),
    at timestamptz not null default clock_timestamp(),
    run_id text not null unique references ml.candidates,
    primary key (model_name, version)
);
comment on table ml.versions is
    'Registered versions. A number is given once, also when somebody deletes the model in MLflow, which then counts from '
    '1 again; grain: version of a model.';

alter table governance.approvals drop constraint approvals_run_id_key;
create index approvals_model_name on governance.approvals (model_name, model_version, id);
comment on table governance.approvals is
    'Answers to requests for approval; of a version, the newest answer counts; grain: answer.';
comment on column governance.approvals.answered_by is 'The id of the user, which Airflow compares.';

create trigger append_only before update or delete or truncate on ml.candidates
for each statement execute function governance.refuse_change();
create trigger append_only before update or delete or truncate on ml.gate_results
for each statement execute function governance.refuse_change();
create trigger append_only before update or delete or truncate on ml.decisions
for each statement execute function governance.refuse_change();
create trigger append_only before update or delete or truncate on ml.versions
for each statement execute function governance.refuse_change();
create trigger append_only before update or delete or truncate on governance.approvals
for each statement execute function governance.refuse_change();
create trigger append_only before update or delete or truncate on serving.rollout_events
for each statement execute function governance.refuse_change();

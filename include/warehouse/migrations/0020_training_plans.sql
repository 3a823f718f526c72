-- Why a training was started, and what it tried; and light validations, which stand in the place of a training.
create table ml.training_plans (
    id bigint generated always as identity primary key,
    at timestamptz not null default clock_timestamp(),
    model_name text not null,
    run_key text not null,
    cause text not null,
    reason text not null,
    strategies text[] not null,
    candidates text[] not null
);
create index training_plans_run_key on ml.training_plans (model_name, run_key, id);
comment on table ml.training_plans is
    'Why a training was started and what it tries; of a run of train_candidates, the newest plan counts; grain: plan.';

create table ml.champion_validations (
    id bigint generated always as identity primary key,
    at timestamptz not null default clock_timestamp(),
    model_name text not null,
    version int not null,
    assembled_at timestamptz not null,
    data_version text not null,
    feature_version text not null,
    test_as_of_date date not null,
    score double precision,
    score_low double precision,
    score_high double precision,
    baseline_score double precision,
    is_held boolean not null,
    reason text not null
);
create index champion_validations_model_name on ml.champion_validations (model_name, id);
comment on table ml.champion_validations is
    'Whether the champion holds on the newest labelled cutoff; while it does, nothing is trained for its age.';

create trigger append_only before update or delete or truncate on ml.training_plans
for each statement execute function governance.refuse_change();
create trigger append_only before update or delete or truncate on ml.champion_validations
for each statement execute function governance.refuse_change();

create table ml.training_candidates (
    model_name text not null,
    run_key text not null,
    run_id text not null references ml.candidates,
    primary key (model_name, run_key, run_id)
);
create index training_candidates_run_id on ml.training_candidates (run_id);
comment on table ml.training_candidates is
    'Which fitted candidates a training has ranked; one may be of an earlier training. Grain: run of train_candidates and candidate.';
create trigger append_only before update or delete or truncate on ml.training_candidates
for each statement execute function governance.refuse_change();

-- A candidate that would be made from the same again is not fitted again.
alter table ml.candidates add column inputs_hash text;
create index candidates_inputs_hash on ml.candidates (inputs_hash);
comment on column ml.candidates.inputs_hash is
    'SHA-256 of everything that it was made from: data, features, settings, code, trainer, and whom it is compared with.';
alter table ml.decisions add column assembled_at timestamptz, add column run_key text;
comment on column ml.decisions.assembled_at is
    'When the training set was read; the candidate may be of an earlier training, which had the same one.';
comment on column ml.decisions.run_key is 'The run of train_candidates; null for decisions of releases that kept none.';

create view ml.trainings as
select
    model_name,
    run_key as training,
    run_id
from ml.training_candidates
union all
select
    candidates.model_name,
    candidates.assembled_at::text as training,
    candidates.run_id
from ml.candidates as candidates
where not exists (select from ml.training_candidates as known where known.run_id = candidates.run_id);
comment on view ml.trainings is
    'The candidates of each training: of a run, or of a training set where a release has kept no run.';

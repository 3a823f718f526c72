create table serving.rollouts (
    model_name text primary key,
    champion_version int not null,
    challenger_version int,
    challenger_weight double precision not null default 0 check (challenger_weight between 0 and 1),
    stage text not null default 'idle' check (stage in ('idle', 'canary')),
    row_version bigint not null default 1,
    updated_at timestamptz not null default clock_timestamp(),
    check ((stage = 'canary') = (challenger_version is not null)),
    check (challenger_version is null or challenger_version <> champion_version)
);

create table serving.rollout_events (
    id bigint generated always as identity primary key,
    at timestamptz not null default clock_timestamp(),
    model_name text not null,
    event text not null,
    champion_version int,
    challenger_version int,
    challenger_weight double precision not null,
    detail jsonb not null default '{}'
);

create index rollout_events_model_name on serving.rollout_events (model_name, id);

-- No foreign keys and one index: the model server appends here all the time.
create table serving.inference_log (
    id bigint generated always as identity primary key,
    at timestamptz not null,
    request_id text not null,
    model_name text not null,
    model_version int not null,
    variant text not null check (variant in ('champion', 'challenger', 'staging')),
    keys jsonb,
    features jsonb not null,
    prediction double precision,
    answer jsonb,
    latency_ms double precision not null,
    is_error boolean not null,
    error text,
    check (is_error = (error is not null)),
    check (is_error or prediction is not null)
);

create index inference_log_model_name_at on serving.inference_log (model_name, at);
comment on table serving.inference_log is 'Requests to the model server and its answers; grain: request.';
comment on column serving.inference_log.keys is
    'Values of the entity''s keys by name; null where the request brought the features itself.';
comment on column serving.inference_log.prediction is
    'Probability of the positive or of the predicted class, or the value of a regression.';
comment on column serving.inference_log.answer is 'The prediction and its probabilities as the caller got them.';

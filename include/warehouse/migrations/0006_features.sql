create table governance.feature_builds (
    id bigint generated always as identity primary key,
    data_version text not null,
    project_hash text not null,
    built_at timestamptz not null default now()
);
comment on table governance.feature_builds is 'Each build of the features: of which data, by which state of the dbt project.';

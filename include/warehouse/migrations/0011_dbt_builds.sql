create table governance.dbt_builds (
    build_id bigint primary key,
    started_at timestamptz not null default now()
);
comment on table governance.dbt_builds is
    'Every dbt build that has taken the fence build_features, by its token; grain: build. A build that has lost the fence '
    'does not take it again.';

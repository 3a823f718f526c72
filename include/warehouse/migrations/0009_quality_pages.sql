alter table quality.profiles add column histogram jsonb;
comment on column quality.profiles.histogram is
    'Rows by value, in bins of equal width from low to high, of a column of numbers or moments.';

alter table quality.audits add column results jsonb;
comment on column quality.audits.results is
    'Every rule, the broken ones first; null for audits of releases that noted the broken ones alone (failures).';
alter table quality.audits add column profile jsonb;
comment on column quality.audits.profile is 'Statistics of each column of the audited batch, refused ones included.';
alter table quality.audits add column files jsonb;
comment on column quality.audits.files is 'The files of the batch; one that was left out has no row count.';
create index on quality.audits (source, audited_at desc);

update quality.audits
set profile = (
    select jsonb_agg(
        to_jsonb(profiles) - array['source', 'from_day', 'to_day', 'audit_id', 'profiled_at']
        order by profiles.column_name
    )
    from quality.profiles
    where profiles.audit_id = audits.audit_id and profiles.source = audits.source
);

create table quality.releases (
    audit_id text not null,
    source text not null,
    from_day date not null,
    to_day date not null,
    refused_audit_id text not null,
    person text not null,
    reason text not null,
    broken_rules jsonb not null,
    released_at timestamptz not null default now(),
    primary key (audit_id, source)
);
comment on table quality.releases is
    'Batches that an audit refused and a person let through after an earlier audit (refused_audit_id) had refused the '
    'same days for the same rules: who, why, and the rules that were broken.';

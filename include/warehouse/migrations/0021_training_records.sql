-- What a training found besides the candidate that it decided about, for the page of the candidate.
alter table ml.decisions
    add column gap double precision,
    add column ranking_reason text not null default '',
    add column failures jsonb not null default '[]';
comment on column ml.decisions.ranking is 'Every fitted candidate with its weighted score and parts, best first.';
comment on column ml.decisions.gap is 'The lead of the first over the second; null for one alone, and for decisions of releases that kept none.';
comment on column ml.decisions.ranking_reason is 'Why the first was ranked before the second.';
comment on column ml.decisions.failures is 'Candidates that could not be fitted: name, reason and run_id of each.';
comment on column ml.gate_results.detail is 'The whole answer, with what was measured (evidence) and what was asked (limits).';

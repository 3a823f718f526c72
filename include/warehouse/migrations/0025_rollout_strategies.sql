-- A challenger in shadow gets copies of questions and answers none, so that its share is no weight: a model server that
-- does not know of it would send clients there.
alter table serving.rollouts add column shadow_share double precision not null default 0
    check (shadow_share between 0 and 1);
comment on column serving.rollouts.shadow_share is
    'The share of the champion''s questions that the challenger gets a copy of; 0 but in the stage shadow.';

alter table serving.rollouts drop constraint rollouts_stage_check;
alter table serving.rollouts drop constraint rollouts_check;
alter table serving.rollouts add constraint rollouts_stage_check
    check (stage in ('idle', 'shadow', 'canary', 'ab_test', 'blue_green'));
alter table serving.rollouts add constraint rollouts_stage_has_challenger
    check ((stage <> 'idle') = (challenger_version is not null));
alter table serving.rollouts add constraint rollouts_shadow_has_share
    check ((stage = 'shadow') = (shadow_share > 0) and (stage <> 'shadow' or challenger_weight = 0));

alter table serving.inference_log drop constraint inference_log_variant_check;
alter table serving.inference_log add constraint inference_log_variant_check
    check (variant in ('champion', 'challenger', 'staging', 'shadow'));
comment on column serving.inference_log.variant is
    'Who was asked: champion and challenger answer clients, staging is tested, shadow got a copy and answered nobody.';

alter table serving.inference_log add column batch_id text;
comment on column serving.inference_log.batch_id is
    'The request that several rows came with; its answers are no independent observations. Null for a row alone.';

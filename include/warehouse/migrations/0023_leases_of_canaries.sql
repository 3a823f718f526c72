-- Whoever gives a challenger a share of the traffic answers for it until then. A model server gives it none after that.
alter table serving.rollouts add column lease_until timestamptz;
comment on column serving.rollouts.lease_until is
    'Until when the challenger has its share; its canary''s task moves it on at every look. Null or past: it has none.';

-- Every event that somebody could hear of, whether anybody does; and each attempt to deliver it.
create table governance.notifications (
    id bigint generated always as identity primary key,
    at timestamptz not null default clock_timestamp(),
    event text not null,
    model_name text,
    model_version int,
    severity text not null check (severity in ('info', 'warning', 'error', 'critical')),
    title text not null,
    body text not null,
    link text,
    dedup_key text not null,
    channels text[] not null
);
create index notifications_model_name on governance.notifications (model_name, at);
create index notifications_dedup_key on governance.notifications (dedup_key, id);
comment on table governance.notifications is
    'The event log: what happened, and to which channels the routes of that moment sent it; grain: event.';
comment on column governance.notifications.dedup_key is 'Names the event; within its window it is recorded once.';
comment on column governance.notifications.channels is 'Empty: no route takes the event, and nobody was told.';

create table governance.notification_deliveries (
    id bigint generated always as identity primary key,
    at timestamptz not null default clock_timestamp(),
    notification_id bigint not null references governance.notifications,
    channel text not null,
    attempt int not null,
    outcome text not null check (outcome in ('delivered', 'failed', 'given_up')),
    detail text not null,
    next_attempt_at timestamptz
);
create index notification_deliveries_notification_id on governance.notification_deliveries (notification_id, channel, id);
comment on table governance.notification_deliveries is
    'Attempts to deliver, and what the channel said; grain: attempt. One that was cut off by a crash has no row.';
comment on column governance.notification_deliveries.detail is 'What came back, without secrets.';

create trigger append_only before update or delete or truncate on governance.notifications
for each statement execute function governance.refuse_change();
create trigger append_only before update or delete or truncate on governance.notification_deliveries
for each statement execute function governance.refuse_change();

-- State, no record: it decides who records and who sends.
create table governance.notification_keys (
    dedup_key text primary key,
    at timestamptz not null
);
comment on table governance.notification_keys is 'When an event with this key was last recorded.';

create table governance.notification_outbox (
    notification_id bigint not null references governance.notifications,
    channel text not null,
    attempts int not null default 0,
    next_attempt_at timestamptz not null default clock_timestamp(),
    primary key (notification_id, channel)
);
create index notification_outbox_next_attempt_at on governance.notification_outbox (next_attempt_at);
comment on table governance.notification_outbox is
    'What is still to be delivered. Whoever attempts it moves next_attempt_at on first, so that nobody else does.';

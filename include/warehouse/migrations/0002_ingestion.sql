create table landing.deliveries (
    source text not null,
    batch_day date not null,
    path text not null,
    row_count bigint not null,
    state text not null default 'landed' check (state in ('landed', 'audited', 'refused', 'published')),
    landed_at timestamptz not null default now(),
    primary key (source, batch_day)
);
comment on table landing.deliveries is
    'Files whose rows are in landing.<source> now, and how far they have come. Tables landing.<source> are made by landing.';

create table raw.transactions (
    household_id bigint,
    store_id bigint,
    basket_id bigint,
    product_id bigint,
    quantity bigint,
    sales_value numeric(12, 2),
    retail_disc numeric(12, 2),
    coupon_disc numeric(12, 2),
    coupon_match_disc numeric(12, 2),
    sold_at timestamptz,
    day date,
    batch_day date
);
create index transactions_day on raw.transactions (day);
create index transactions_batch_day on raw.transactions (batch_day);
comment on table raw.transactions is 'Lines of receipts as published; grain: basket and product.';
comment on column raw.transactions.day is 'Day of the purchase in the shop''s time zone.';
comment on column raw.transactions.batch_day is 'Day of the delivery that brought the row.';

create table raw.products (
    product_id bigint,
    manufacturer_id bigint,
    department text,
    brand text,
    product_category text,
    product_type text,
    package_size text
);
comment on table raw.products is 'The newest catalogue; grain: product.';

create table raw.households (
    household_id bigint,
    age text,
    income text,
    home_ownership text,
    marital_status text,
    household_size text,
    household_comp text,
    kids_count text
);
comment on table raw.households is 'Demographics of the households that gave them; grain: household.';

create table raw.campaigns (
    campaign_id bigint,
    household_id bigint,
    campaign_type text,
    start_date date,
    end_date date
);
comment on table raw.campaigns is 'Campaigns and the households they were sent to; grain: campaign and household.';

create table raw.coupon_redemptions (
    household_id bigint,
    coupon_upc bigint,
    campaign_id bigint,
    day date,
    batch_day date
);
create index coupon_redemptions_day on raw.coupon_redemptions (day);
create index coupon_redemptions_batch_day on raw.coupon_redemptions (batch_day);
comment on table raw.coupon_redemptions is 'Coupons redeemed; grain: household, coupon, campaign and day.';

create table raw.partitions (
    source text not null,
    batch_day date not null,
    row_count bigint not null,
    content_hash text not null,
    published_at timestamptz not null default now(),
    primary key (source, batch_day)
);
comment on table raw.partitions is
    'One row for each delivered day of a daily source, one for the newest copy of a snapshot source; hashed over full content.';

create table quality.audits (
    audit_id text not null,
    source text not null,
    from_day date not null,
    to_day date not null,
    row_count bigint not null,
    rule_count integer not null,
    score double precision not null,
    passed boolean not null,
    failures jsonb not null,
    audited_at timestamptz not null default now(),
    primary key (audit_id, source)
);
comment on table quality.audits is 'Each audit of each source: its score, and the rules that it broke.';

create table quality.quarantine (
    audit_id text not null,
    source text not null,
    from_day date not null,
    to_day date not null,
    row_count bigint not null,
    reasons jsonb not null,
    item jsonb not null,
    files jsonb not null,
    sample_rows jsonb not null,
    quarantined_at timestamptz not null default now(),
    primary key (audit_id, source)
);
comment on table quality.quarantine is 'Batches that were refused, with their reasons and a sample of their rows.';

create table quality.profiles (
    source text not null,
    from_day date not null,
    to_day date not null,
    column_name text not null,
    row_count bigint not null,
    null_count bigint not null,
    distinct_count bigint not null,
    minimum text,
    maximum text,
    mean double precision,
    standard_deviation double precision,
    quantiles jsonb,
    top_values jsonb,
    audit_id text not null,
    profiled_at timestamptz not null default now(),
    primary key (source, from_day, to_day, column_name)
);
comment on table quality.profiles is 'Statistics of each column of each audited batch, kept as history.';

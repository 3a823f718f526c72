create schema if not exists landing;
create schema if not exists raw;
create schema if not exists staging;
create schema if not exists intermediate;
create schema if not exists features;
create schema if not exists online;
create schema if not exists ml;
create schema if not exists serving;
create schema if not exists monitoring;
create schema if not exists quality;
create schema if not exists governance;

create table governance.fences (
    name text primary key,
    token bigint not null
);

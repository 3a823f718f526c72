create table raw.arrivals (
    source text not null,
    batch_day date not null,
    day date not null,
    row_count bigint not null check (row_count > 0),
    primary key (source, batch_day, day)
);
comment on table raw.arrivals is
    'Rows that each published delivery of a daily source brought for each day; grain: source, delivery day and day. '
    'Whoever asks which days there are need not read the rows.';

do $$
declare
    found record;
begin
    for found in
        select distinct p.source
        from raw.partitions as p
        inner join information_schema.columns as c
            on c.table_schema = 'raw' and c.table_name = p.source and c.column_name = 'batch_day'
    loop
        execute format(
            'insert into raw.arrivals select %L, batch_day, day, count(*) from raw.%I group by batch_day, day',
            found.source, found.source
        );
    end loop;
end
$$;

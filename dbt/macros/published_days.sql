{#
The days of one daily source: rows of each day from whichever delivery, and a number that changes with the
deliveries that the rows came from. A delivery without rows (a closed day) makes a day too. Read from the ledgers of
what was published, so that no build reads all rows to count days.
#}
{% macro published_days(source) %}
    with deliveries as (

        select * from {{ ref('stg_deliveries') }}
        where source = '{{ source }}'

    ),

    arrivals as (

        select
            batch_day,
            day,
            row_count as line_count
        from {{ ref('stg_arrivals') }}
        where source = '{{ source }}'

        union all

        select
            batch_day,
            batch_day as day,
            0 as line_count
        from deliveries

    ),

    final as (

        select
            arrivals.day,
            sum(arrivals.line_count)::bigint as line_count,
            bool_or(arrivals.batch_day = arrivals.day) as is_delivered,
            sum(
                hashtextextended(
                    concat_ws(
                        '|',
                        '{{ source }}',
                        arrivals.batch_day,
                        extract(epoch from deliveries.published_at),
                        arrivals.line_count
                    ),
                    0
                )
            ) as inputs_version
        from arrivals
        left join deliveries on arrivals.batch_day = deliveries.batch_day
        group by arrivals.day

    )

    select * from final
{% endmacro %}

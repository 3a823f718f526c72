{#
The calendar of a feature group that is made from one daily source, as state models (macros/restatement.sql):
its days, the as-of dates of its features, and those whose label is known. A model of each is one call, so
that its yml can describe it, and so that it can be written out where a group needs more.
#}

{# The source's days; `model` is what is made from them by day, and made anew for a day that has changed. #}
{% macro event_days(source, model) %}
    with published as (

        {{ published_days(source) }}

    ),

    previous as (

        {{ previous_state('day') }}

    ),

    days as (

        select
            day,
            line_count,
            is_delivered,
            {{ code_version(model) }} + inputs_version as inputs_version
        from published

    ),

    final as (

        select
            days.day,
            days.line_count,
            days.is_delivered,
            days.inputs_version,
            coalesce(previous.is_pending or previous.inputs_version <> days.inputs_version, true) as is_pending
        from days
        left join previous on days.day = previous.day

    )

    select * from final
{% endmacro %}

{#
The morning after each delivered day with `history_days` before it: all Mondays, and every day from
`daily_days` before the first build on. `days` is a model of event_days, `group` the mart of the features. A date is
made anew, too, when days of the `further` models of event_days change, or the copies of the sources `snapshots` that
count at it; it waits for none of them.
#}
{% macro as_of_dates(days, group, history_days, daily_days, further=[], snapshots=[]) %}
    with event_days as (

        select * from {{ days }}
        where not is_pending

    ),

    previous as (

        {{ previous_state('as_of_date', ['is_daily']) }}

    ),

    bounds as (

        select
            min(day) + {{ history_days }} as earliest,
            max(day) + 1 as newest
        from event_days
        where is_delivered

    ),

    -- Daily as-of dates begin once, shortly before the first build, and never end.
    daily_start as (

        select
            coalesce(
                min(previous.as_of_date) filter (where previous.is_daily),
                bounds.newest - {{ daily_days }} + 1
            ) as as_of_date
        from bounds
        left join previous on true
        group by bounds.newest

    ),

    dates as (

        select
            event_days.day + 1 as as_of_date,
            extract(isodow from event_days.day + 1) = 1 as is_weekly,
            event_days.day + 1 >= daily_start.as_of_date as is_daily
        from event_days
        cross join bounds
        cross join daily_start
        where event_days.is_delivered and event_days.day + 1 >= bounds.earliest

    ),

    versions as (

        select
            dates.as_of_date,
            dates.is_weekly,
            dates.is_daily,
            {{ code_version(group) }}
            + sum(event_days.inputs_version)
            {% for model in further %}
            + coalesce(
                (
                    select sum(further_days.inputs_version)
                    from {{ model }} as further_days
                    where
                        not further_days.is_pending
                        and further_days.day < dates.as_of_date
                        and further_days.day >= dates.as_of_date - {{ history_days }}
                ),
                0
            )
            {% endfor %}
            {% for source in snapshots %}
            + {{ snapshot_version(source, 'dates.as_of_date') }}
            {% endfor %}
            as inputs_version
        from dates
        inner join event_days
            on
                event_days.day < dates.as_of_date
                and event_days.day >= dates.as_of_date - {{ history_days }}
        where dates.is_weekly or dates.is_daily
        group by dates.as_of_date, dates.is_weekly, dates.is_daily

    ),

    final as (

        select
            versions.as_of_date,
            versions.is_weekly,
            versions.is_daily,
            versions.inputs_version,
            coalesce(
                previous.is_pending or previous.inputs_version <> versions.inputs_version, true
            ) as is_pending
        from versions
        left join previous on versions.as_of_date = previous.as_of_date

    )

    select * from final
{% endmacro %}

{#
The as-of dates whose every day of the horizon was delivered; a day that was lost holds labels back until it
comes. `as_of_dates` and `days` are models of the macros above, `labels` the mart of the labels.
#}
{% macro label_dates(as_of_dates, days, labels, horizon_days) %}
    with dates as (

        select * from {{ as_of_dates }}
        where not is_pending

    ),

    event_days as (

        select * from {{ days }}
        where not is_pending

    ),

    previous as (

        {{ previous_state('as_of_date') }}

    ),

    horizons as (

        select
            dates.as_of_date,
            count(*) filter (where event_days.is_delivered) as delivered_days,
            {{ code_version(labels) }} + dates.inputs_version + sum(event_days.inputs_version) as inputs_version
        from dates
        inner join event_days
            on
                event_days.day >= dates.as_of_date
                and event_days.day < dates.as_of_date + {{ horizon_days }}
        group by dates.as_of_date, dates.inputs_version

    ),

    final as (

        select
            horizons.as_of_date,
            horizons.inputs_version,
            coalesce(previous.is_pending or previous.inputs_version <> horizons.inputs_version, true) as is_pending
        from horizons
        left join previous on horizons.as_of_date = previous.as_of_date
        where horizons.delivered_days = {{ horizon_days }}

    )

    select * from final
{% endmacro %}

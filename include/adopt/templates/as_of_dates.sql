-- Built after << days >>, so that only days that are in it count.
-- depends_on: {{ ref('<< days >>') }}
{{
    as_of_dates(
        days=ref('<< event_days >>'),
        group='<< group >>',
        history_days=var('<< plan.vars.history >>'),
        daily_days=var('<< plan.vars.daily >>')
    )
}}

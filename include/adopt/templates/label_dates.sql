-- Built after << group >>, whose entities the labels are of.
-- depends_on: {{ ref('<< group >>') }}
{{
    label_dates(
        as_of_dates=ref('<< as_of_dates >>'),
        days=ref('<< event_days >>'),
        labels='<< labels >>',
        horizon_days=var('<< plan.vars.horizon >>')
    )
}}

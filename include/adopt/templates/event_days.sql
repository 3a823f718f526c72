{{ event_days('<< plan.source >>', '<< days >>') }}

comment on table quality.feature_dates is
    'The newest content of each as-of date of a feature group and whether it is published; grain: group and as-of date. '
    'Content that a build has changed and no validation has seen is refused.';
comment on column quality.feature_dates.build_key is 'The run of build_features that saw this content first.';

alter table quality.feature_dates add column row_versions text;
comment on column quality.feature_dates.row_versions is
    'Sum of the hashes of the places and writers of the rows that had this content: as long as it is the same, so is the content.';

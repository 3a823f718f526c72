create schema if not exists incoming;
comment on schema incoming is
    'What deliveries are being read into: a table for each landing that is under way, which becomes landing.<source> in one '
    'transaction.';

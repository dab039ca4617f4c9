-- A doctor's report that is sent again, because its answer was lost, is the same adverse event.

alter table adverse_events add column idempotency_key text check (length(idempotency_key) between 1 and 64);
create unique index adverse_events_by_key on adverse_events (reported_by, idempotency_key);

-- What the report worker reads and writes; see projections.store. Arrays are columns of rows, sorted by key.

-- name: stream
select stream_id from streams where cluster_id = $1 and topic_id = $2;

-- name: add_stream
insert into streams (cluster_id, topic_id, topic) values ($1, $2, $3)
on conflict (cluster_id, topic_id) do nothing;

-- name: positions
select kafka_partition, next_offset from offsets where stream_id = $1 and kafka_partition = any($2::smallint[]);

-- name: add_position
insert into offsets (stream_id, kafka_partition, first_offset, next_offset, seal)
values ($1, $2, $3, $3, $4)
on conflict do nothing;

-- name: end_frozen_copies
-- Ends this role's own sessions that have waited for their client in the middle of a COPY for $1.
select count(pg_terminate_backend(pid)) from pg_stat_activity
where usename = current_user and datname = current_database() and pid <> pg_backend_pid()
    and application_name = current_setting('application_name')
    and state = 'active' and wait_event = 'ClientRead' and query_start < now() - $1::interval;

-- name: note_seen
-- Says how fresh Postgres is. Partitions whose offsets are just moved are left for the next time.
with held as (
    select o.kafka_partition, x.seen_until
    from offsets o
    join unnest($2::smallint[], $3::timestamptz[]) x (kafka_partition, seen_until) using (kafka_partition)
    where o.stream_id = $1 and (o.seen_until is null or o.seen_until < x.seen_until)
    order by o.kafka_partition
    for update of o skip locked
)
update offsets o set seen_until = held.seen_until
from held
where o.stream_id = $1 and o.kafka_partition = held.kafka_partition;

-- name: ledger_ends
-- Until when month partitions exist without a break from the one that holds $1; null where there is none.
select ledger_prepared_until($1);

-- name: patients
select patient_id, user_id, study_id, site_id, time_zone, consented_from, consented_until
from patients where patient_id = any($1::text[]);

-- name: staff
select u.user_id, u.role, u.disabled_at is not null as disabled,
    coalesce(array_agg(s.site_id) filter (where s.site_id is not null), '{}') as sites
from users u left join user_sites s using (user_id)
where u.user_id = any($1::text[])
group by u.user_id;

-- name: instruments
select study_id, instrument, version, definition from instruments
where (study_id, instrument, version) in (select * from unnest($1::text[], $2::text[], $3::text[]));

-- name: slots
select slot_id, opens_at, closes_at, late_until, required, optional from slots where slot_id = any($1::bigint[]);

-- name: advance
-- The compare-and-set. Locks are taken in ascending partition order, so that workers never deadlock here; a row
-- that another transaction has moved meanwhile is compared again after the wait and falls out.
with held as materialized (
    select o.kafka_partition, x.next_offset
    from offsets o
    join unnest($2::smallint[], $3::bigint[], $4::bigint[]) x (kafka_partition, expected, next_offset)
        on o.kafka_partition = x.kafka_partition and o.next_offset = x.expected
    where o.stream_id = $1
    order by o.kafka_partition
    for update of o
)
update offsets o set next_offset = held.next_offset
from held
where o.stream_id = $1 and o.kafka_partition = held.kafka_partition
returning o.kafka_partition, o.seal;

-- name: claim_identities
-- A row's columns stand in the order of the table's.
insert into report_ids select * from unnest($1::report_ids[]) on conflict do nothing;

-- name: identity_owners
-- The owners of those identities that somebody else owns.
select x.kafka_partition as of_partition, x.kafka_offset as of_offset,
    r.stream_id, r.kafka_partition, r.kafka_offset, r.received_at, r.sha256
from unnest($1::report_ids[]) x
join report_ids r on r.patient_id = x.patient_id and r.report_id = x.report_id
where (r.stream_id, r.kafka_partition, r.kafka_offset) <> (x.stream_id, x.kafka_partition, x.kafka_offset);

-- name: claim_attempts
insert into refused_attempts select * from unnest($1::refused_attempts[]) on conflict do nothing;

-- name: attempt_owners
select x.kafka_partition as of_partition, x.kafka_offset as of_offset,
    r.stream_id, r.kafka_partition, r.kafka_offset, r.received_at, r.sha256
from unnest($1::refused_attempts[]) x
join refused_attempts r
    on r.user_id = x.user_id and r.patient_id = x.patient_id and r.report_id = x.report_id
where (r.stream_id, r.kafka_partition, r.kafka_offset) <> (x.stream_id, x.kafka_partition, x.kafka_offset);

-- name: values
select l.stream_id, l.kafka_partition, l.kafka_offset, l.value
from unnest($1::smallint[], $2::smallint[], $3::bigint[], $4::timestamptz[])
    x (stream_id, kafka_partition, kafka_offset, received_at)
join ledger l on l.stream_id = x.stream_id and l.kafka_partition = x.kafka_partition
    and l.kafka_offset = x.kafka_offset and l.received_at = x.received_at;

-- name: named_visits
select v.patient_id, v.visit_id, v.slot_id, v.site_id, v.completed_at, v.timeliness, v.forms, v.cancelled_at,
    v.received_at
from unnest($1::text[], $2::text[]) x (patient_id, visit_id)
join visits v on v.patient_id = x.patient_id and v.visit_id = x.visit_id;

-- name: visits_at
-- A patient's visits whose window or grace holds an instant.
select v.patient_id, v.visit_id, v.slot_id, v.site_id, v.completed_at, v.timeliness, v.forms, v.cancelled_at,
    v.received_at
from unnest($1::text[], $2::timestamptz[]) x (patient_id, at)
join visits v on v.patient_id = x.patient_id
join slots s on s.slot_id = v.slot_id
where s.opens_at <= x.at and x.at < s.late_until;

-- name: amended_visits
select x.patient_id, x.report_id, l.visit_id
from unnest($1::text[], $2::uuid[]) x (patient_id, report_id)
join report_ids r on r.patient_id = x.patient_id and r.report_id = x.report_id
left join ledger l on l.stream_id = r.stream_id and l.kafka_partition = r.kafka_partition
    and l.kafka_offset = r.kafka_offset and l.received_at = r.received_at;

-- name: add_amendments
insert into amendments (patient_id, amends, report_id)
select * from unnest($1::text[], $2::uuid[], $3::uuid[])
on conflict do nothing;

-- name: update_visits
update visits v
set completed_at = x.completed_at, received_at = x.received_at, timeliness = x.timeliness, forms = x.forms
from unnest($1::text[], $2::text[], $3::timestamptz[], $4::timestamptz[], $5::text[], $6::jsonb[])
    x (patient_id, visit_id, completed_at, received_at, timeliness, forms)
where v.patient_id = x.patient_id and v.visit_id = x.visit_id;

-- name: count_visits
insert into slot_counts as c (site_id, slot_id, shard, partial, on_time, late)
select * from unnest($1::text[], $2::bigint[], $3::smallint[], $4::integer[], $5::integer[], $6::integer[])
on conflict (site_id, slot_id, shard) do update
set partial = c.partial + excluded.partial, on_time = c.on_time + excluded.on_time, late = c.late + excluded.late;

-- name: add_alerts
-- Raised before, by whatever row of whatever stream: nothing happens, and no row comes back.
insert into alerts (alert_id, study_id, site_id, patient_id, report_id, instrument, instrument_version, rule_id, item,
    level, visit_id, marks, reason, recorded_at, received_at, raised_at, stream_id, kafka_partition, kafka_offset)
select alert_id, study_id, site_id, patient_id, report_id, instrument, instrument_version, rule_id, item, level,
    visit_id, string_to_array(marks, ' '), reason, recorded_at, received_at, raised_at, stream_id, kafka_partition,
    kafka_offset
from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::uuid[], $6::text[], $7::text[], $8::text[], $9::text[],
    $10::text[], $11::text[], $12::text[], $13::text[], $14::timestamptz[], $15::timestamptz[], $16::timestamptz[],
    $17::smallint[], $18::smallint[], $19::bigint[])
    x (alert_id, study_id, site_id, patient_id, report_id, instrument, instrument_version, rule_id, item, level,
        visit_id, marks, reason, recorded_at, received_at, raised_at, stream_id, kafka_partition, kafka_offset)
on conflict do nothing
returning alert_id;

-- name: add_seals
with given as (
    select * from unnest($2::smallint[], $3::bigint[], $4::bigint[], $5::bytea[], $6::bytea[])
        x (kafka_partition, first_offset, last_offset, previous, seal)
), added as (
    insert into seals (stream_id, kafka_partition, first_offset, last_offset, previous, seal, kid, sealed_at)
    select $1, *, $7::text, clock_timestamp() from given
)
update offsets o set seal = given.seal
from given
where o.stream_id = $1 and o.kafka_partition = given.kafka_partition;

-- name: add_outbox
insert into outbox (written_at, events, seals) values ($1, $2, $3);

-- Publishing studies, enrolling patients, minting tokens. Run with the role eightbells_study.

-- name: lock_studies
-- One publication or enrolment at a time; released with the transaction.
select pg_advisory_xact_lock(724801);

-- name: published_versions
select study_id, version, document, published_at from study_versions where study_id = $1 order by published_at;

-- name: study
select study_id, purpose, title, created_at from studies where study_id = $1;

-- name: study_ids
select study_id from studies order by study_id;

-- name: sites_of_other_studies
select site_id, study_id from sites where site_id = any($1) and study_id <> $2 order by site_id;

-- name: sites
select site_id, name, time_zone from sites where study_id = $1 order by site_id;

-- name: create_study
insert into studies (study_id, purpose, title, created_at) values ($1, $2, $3, $4);

-- name: retitle_study
update studies set title = $2 where study_id = $1;

-- name: publish_version
insert into study_versions (study_id, version, document, sha256, published_at) values ($1, $2, $3, $4, $5);

-- name: save_sites
insert into sites (study_id, site_id, name, time_zone)
select $1, site_id, name, time_zone from unnest($2::text[], $3::text[], $4::text[]) as site (site_id, name, time_zone)
on conflict (site_id) do update set name = excluded.name, time_zone = excluded.time_zone
where (sites.name, sites.time_zone) is distinct from (excluded.name, excluded.time_zone);

-- name: publish_instruments
insert into instruments (study_id, instrument, version, definition, sha256)
select $1, instrument, version, definition, sha256
from unnest($2::text[], $3::text[], $4::jsonb[], $5::bytea[]) as one (instrument, version, definition, sha256)
on conflict (study_id, instrument, version) do nothing;

-- name: study_totals
select
    (select count(*) from patients where study_id = $1) as patients,
    (select count(*) from slots where study_id = $1) as slots,
    (select coalesce(sum(expected), 0)::bigint from slot_counts join slots using (slot_id) where study_id = $1)
        as visits;

-- name: enrolled_patients
select patient_id, study_id, site_id, time_zone, anchor_date from patients where patient_id = any($1);

-- name: taken_usernames
select username from users where username = any($1);

-- name: taken_user_ids
select user_id from users where user_id = any($1);

-- name: save_slots
insert into slots (study_id, schedule_version, visit_code, visit_name, planned_date, time_zone, opens_at, closes_at,
    late_until, required, optional)
select $1, $2, visit_code, visit_name, planned_date, $3, opens_at, closes_at, late_until,
    string_to_array(required, ' '), string_to_array(optional, ' ')
from unnest($4::text[], $5::jsonb[], $6::date[], $7::timestamptz[], $8::timestamptz[], $9::timestamptz[],
    $10::text[], $11::text[])
    as slot (visit_code, visit_name, planned_date, opens_at, closes_at, late_until, required, optional)
on conflict (study_id, schedule_version, visit_code, planned_date, time_zone) do nothing;

-- name: slot_ids
select visit_code, planned_date, slot_id from slots
where study_id = $1 and schedule_version = $2 and time_zone = $3 and planned_date = any($4);

-- name: create_incoming
create temporary table incoming (
    number integer primary key,
    patient_id text not null,
    username text,
    site_id text not null,
    time_zone text not null,
    anchor_date date not null,
    consented_from timestamptz not null,
    name text,
    contact text,
    code_sha256 bytea
) on commit drop;

-- name: create_plan
create temporary table plan (
    time_zone text not null,
    anchor_date date not null,
    visit_id text not null,
    slot_id bigint not null
) on commit drop;

-- name: planned_total
select count(*) from incoming join plan using (time_zone, anchor_date);

-- name: enrol_users
-- This and the next four: the patients numbered from $1 to $2, in order of their ids.
insert into users (user_id, username, role)
select 'u-' || patient_id, username, 'patient' from incoming where number between $1 and $2;

-- name: enrol_patients
insert into patients (patient_id, user_id, study_id, site_id, time_zone, anchor_date, schedule_version,
    consented_from, enrolled_at)
select patient_id, 'u-' || patient_id, $3, site_id, time_zone, anchor_date, $4, consented_from, $5
from incoming where number between $1 and $2;

-- name: enrol_identities
insert into patient_identities (patient_id, name, contact)
select patient_id, name, contact from incoming
where (name is not null or contact is not null) and number between $1 and $2;

-- name: enrol_codes
insert into activation_codes (code_sha256, user_id, expires_at)
select code_sha256, 'u-' || patient_id, $3 from incoming where code_sha256 is not null and number between $1 and $2;

-- name: enrol_visits
insert into visits (patient_id, visit_id, slot_id, site_id)
select patient_id, visit_id, slot_id, site_id
from incoming join plan using (time_zone, anchor_date)
where number between $1 and $2
order by number, visit_id;

-- name: expect_visits
insert into slot_counts (site_id, slot_id, shard, expected)
select site_id, slot_id, -1, sum(patients)
from (
    select site_id, time_zone, anchor_date, count(*) as patients from incoming
    group by site_id, time_zone, anchor_date
) as cohort join plan using (time_zone, anchor_date)
group by site_id, slot_id
order by site_id, slot_id
on conflict (site_id, slot_id, shard) do update set expected = slot_counts.expected + excluded.expected;

-- name: latest_opened
-- The first $4 patients of the study who have a window that opened by $2; $3 is a visit code or null for any.
select patient_id, user_id, site_id, patients.time_zone, latest.*
from patients cross join lateral (
    select visit_id, visit_code, schedule_version, opens_at, closes_at, late_until, required
    from visits join slots using (slot_id)
    where visits.patient_id = patients.patient_id and opens_at <= $2 and cancelled_at is null
        and ($3::text is null or visit_code = $3)
    order by opens_at desc, closes_at, visit_id
    limit 1
) as latest
where study_id = $1
order by patient_id
limit $4;

-- name: save_staff
insert into users (user_id, username, role, password_hash, permissions)
select user_id, username, role, password_hash, string_to_array(permissions, ' ')
from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[])
    as staff (user_id, username, role, password_hash, permissions)
on conflict (user_id) do update set password_hash = excluded.password_hash, permissions = excluded.permissions;

-- name: save_staff_sites
insert into user_sites (user_id, site_id)
select user_id, site_id from unnest($1::text[], $2::text[]) as one (user_id, site_id)
on conflict do nothing;

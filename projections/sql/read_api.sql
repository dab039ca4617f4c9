-- What projections.read_api asks. Every query serves one request or one step of a login.

-- name: answers
select count(*) from (select from login_failures limit 1) as one

-- Who calls -----------------------------------------------------------------------------------------------

-- A token minted for a training study has no login family, so a missing one is not a revoked one.
-- name: caller
select u.role, u.permissions, p.patient_id, array(select site_id from user_sites s where s.user_id = u.user_id) as sites
from users u
left join patients p on p.user_id = u.user_id
where u.user_id = $1 and u.disabled_at is null
    and not exists (
        select from login_families f where f.sid = $2 and (f.revoked_at is not null or f.user_id <> u.user_id)
    )

-- Logins --------------------------------------------------------------------------------------------------

-- Patients who were enrolled without a user name log in with their patient id.
-- name: user_by_name
select user_id, password_hash from users where username = $1 and disabled_at is null
union all
select u.user_id, u.password_hash
from patients p
join users u using (user_id)
where p.patient_id = $1 and u.username is null and u.disabled_at is null
limit 1

-- What a token says of its user.
-- name: subject
select u.user_id, u.username, u.role, u.permissions, u.password_hash,
    array(select site_id from user_sites s where s.user_id = u.user_id order by site_id) as sites,
    p.patient_id, p.study_id, p.site_id, p.time_zone
from users u
left join patients p on p.user_id = u.user_id
where u.user_id = $1 and u.disabled_at is null

-- name: use_activation_code
update activation_codes c set used_at = $2
from users u
where c.code_sha256 = $1 and c.used_at is null and c.expires_at > $2
    and u.user_id = c.user_id and u.disabled_at is null
returning c.user_id

-- name: open_family
insert into login_families (sid, user_id, created_at) values ($1, $2, $3)

-- name: add_refresh_token
insert into refresh_tokens (token_sha256, sid, issued_at, expires_at) values ($1, $2, $3, $4)

-- The lock makes two uses of one token take turns.
-- name: refresh_token
select t.sid, t.expires_at, t.replaced_at, f.user_id, f.revoked_at
from refresh_tokens t
join login_families f using (sid)
where t.token_sha256 = $1
for update of t, f

-- name: replace_refresh_token
update refresh_tokens set replaced_at = $2 where token_sha256 = $1

-- A minted token's family comes into being with its revocation.
-- name: revoke_family
insert into login_families (sid, user_id, created_at, revoked_at) values ($1, $2, $3, $3)
on conflict (sid) do update set revoked_at = coalesce(login_families.revoked_at, excluded.revoked_at)

-- name: revoke_other_families
update login_families set revoked_at = $3 where user_id = $1 and sid <> $2 and revoked_at is null

-- name: set_password
update users set password_hash = $2 where user_id = $1 and password_hash is not distinct from $3
returning user_id

-- Attempts are counted before the password is looked at, in the order of their subjects.
-- name: count_attempt
insert into login_failures (subject, window_start, failures)
select subject, $2, 1 from unnest($1::text[]) as subject order by subject
on conflict (subject, window_start) do update set failures = login_failures.failures + 1
returning failures

-- Locks its rows in the same order as count_attempt.
-- name: take_back_attempt
insert into login_failures (subject, window_start, failures)
select subject, $2, 0 from unnest($1::text[]) as subject order by subject
on conflict (subject, window_start) do update set failures = greatest(login_failures.failures - 1, 0)

-- name: forget_failures
delete from login_failures where window_start < $1

-- name: forget_refresh_tokens
delete from refresh_tokens where expires_at < $1

-- Freshness -----------------------------------------------------------------------------------------------

-- The slowest partition decides. Until the worker has said of every partition how far it is, the newest
-- commit of the worker's: the only batches with seals of the ledger.
-- name: freshness
select coalesce(
    (
        select min(seen_until) from offsets where stream_id = (select max(stream_id) from streams)
        having bool_and(seen_until is not null)
    ),
    (select written_at from outbox where seals <> '[]' and not seals @? '$[*].chain' order by outbox_id desc limit 1)
)

-- Reading -------------------------------------------------------------------------------------------------

-- name: patient_in_scope
select patient_id, time_zone, enrolled_at from patients
where patient_id = $1 and (site_id = any($2::text[]) or user_id = $3)

-- name: visits_of_patient
select v.visit_id, v.completed_at, v.received_at, v.timeliness, v.forms, v.cancelled_at, s.visit_code,
    s.visit_name, s.planned_date, s.time_zone, s.opens_at, s.closes_at, s.late_until, s.required, s.optional
from visits v
join slots s using (slot_id)
where v.patient_id = $1
order by s.opens_at, s.planned_date, v.visit_id

-- Of a patient's reports, those whose transaction had been committed at $2.
-- name: reports_committed_by
select r.report_id
from report_ids r
cross join lateral (
    select sealed_at from seals s
    where s.stream_id = r.stream_id and s.kafka_partition = r.kafka_partition and s.last_offset >= r.kafka_offset
    order by s.last_offset limit 1
) s
where r.patient_id = $1 and coalesce(s.sealed_at, r.received_at) <= $2

-- name: patient_of_user
select patient_id, study_id, time_zone from patients where user_id = $1

-- What is not over at $2 and opens before $3.
-- name: visits_ahead
select v.visit_id, v.completed_at, v.received_at, v.timeliness, v.forms, v.cancelled_at, s.visit_code,
    s.visit_name, s.planned_date, s.time_zone, s.opens_at, s.closes_at, s.late_until, s.required, s.optional
from visits v
join slots s using (slot_id)
where v.patient_id = $1 and v.cancelled_at is null and s.late_until > $2 and s.opens_at < $3
order by s.opens_at, s.planned_date, v.visit_id

-- In the versions that the study's newest version has.
-- name: current_instruments
select n.definition
from (select document from study_versions where study_id = $1 order by published_at desc limit 1) d
cross join lateral jsonb_array_elements(d.document -> 'instruments') e
join instruments n on n.study_id = $1 and n.instrument = e ->> 'id' and n.version = e ->> 'version'
where n.instrument = any($2::text[])
order by n.instrument

-- name: sites
select i.site_id, i.name, i.study_id, i.time_zone, s.purpose, s.title
from sites i
join studies s using (study_id)
where i.site_id = any($1::text[])
order by i.site_id

-- Windows that lie in [$3, $4); a null filter does not narrow.
-- name: board
select c.site_id, s.slot_id, s.visit_code, s.visit_name, s.planned_date, s.time_zone, s.opens_at, s.closes_at,
    s.late_until, sum(c.expected)::integer as expected, sum(c.partial)::integer as partial,
    sum(c.on_time)::integer as on_time, sum(c.late)::integer as late
from slot_counts c
join slots s using (slot_id)
where c.site_id = any($1::text[])
    and ($2::date is null or s.planned_date = $2)
    and ($3::timestamptz is null or s.late_until > $3)
    and ($4::timestamptz is null or s.opens_at < $4)
group by c.site_id, s.slot_id
order by c.site_id, s.opens_at, s.slot_id

-- Who owns an identity, with what became of it. $3 narrows a member of staff to one patient, or is null.
-- name: owner_of_report
select l.disposition, l.reason, l.placement, l.received_at, l.patient_id, r.kafka_partition, r.kafka_offset,
    (
        select a.report_id from amendments a
        join report_ids n on n.patient_id = a.patient_id and n.report_id = a.report_id
        where a.patient_id = r.patient_id and a.amends = r.report_id
        order by n.received_at desc, n.kafka_offset desc limit 1
    ) as superseded_by
from report_ids r
join patients p using (patient_id)
join ledger l on l.received_at = r.received_at and l.stream_id = r.stream_id
    and l.kafka_partition = r.kafka_partition and l.kafka_offset = r.kafka_offset
where r.report_id = $1 and (p.site_id = any($2::text[]) or p.user_id = $4)
    and ($3::text is null or r.patient_id = $3)
order by r.patient_id limit 1

-- The row at a receipt's own place, where it is this report's and not the identity's owner.
-- name: report_at
select l.disposition, l.reason, l.received_at, l.patient_id
from ledger l
join patients p using (patient_id)
where l.stream_id = (select max(stream_id) from streams) and l.kafka_partition = $5 and l.kafka_offset = $6
    and l.report_id = $1 and (p.site_id = any($2::text[]) or p.user_id = $4)
    and ($3::text is null or l.patient_id = $3)

-- name: next_offset
select next_offset from offsets
where stream_id = (select max(stream_id) from streams) and kafka_partition = $1

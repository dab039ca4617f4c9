-- What projections.read_api asks and writes about alerts, adverse events and what people did.
-- $1 is what is asked for, $2 the caller's sites, unless said otherwise.

-- Alerts --------------------------------------------------------------------------------------------------

-- Newest first: $1 sites, $2 states, $3 levels, $4 patient, $5 and $6 the last row's key, $7 limit; null: any.
-- One of the two branches runs, so that a plan made once suits both: along the time, or along the patient.
-- name: alerts
select a.*, e.adverse_event_id, k.username as acknowledged_name, s.username as assessed_name,
    c.username as closed_name
from (
    (
        select * from alerts
        where $4::text is null and site_id = any($1::text[])
            and ($2::text[] is null or state = any($2))
            and ($3::text[] is null or level = any($3))
            and ($5::timestamptz is null or (raised_at, alert_id) < ($5, $6::uuid))
        order by raised_at desc, alert_id desc
        limit $7
    )
    union all
    (
        select * from alerts
        where patient_id = $4 and site_id = any($1)
            and ($2 is null or state = any($2))
            and ($3 is null or level = any($3))
            and ($5 is null or (raised_at, alert_id) < ($5, $6))
        order by raised_at desc, alert_id desc
        limit $7
    )
) a
left join adverse_events e using (alert_id)
left join users k on k.user_id = a.acknowledged_by
left join users s on s.user_id = a.assessed_by
left join users c on c.user_id = a.closed_by
order by a.raised_at desc, a.alert_id desc

-- name: alert
select a.*, e.adverse_event_id, k.username as acknowledged_name, s.username as assessed_name,
    c.username as closed_name
from alerts a
left join adverse_events e using (alert_id)
left join users k on k.user_id = a.acknowledged_by
left join users s on s.user_id = a.assessed_by
left join users c on c.user_id = a.closed_by
where a.alert_id = $1 and a.site_id = any($2::text[])

-- name: open_alerts
select level, count(*) from alerts where site_id = any($1::text[]) and acknowledged_at is null group by level

-- The bytes of the report that raised an alert: $1 and $2 as everywhere.
-- name: report_of_alert
select l.value
from alerts a
join ledger l on l.stream_id = a.stream_id and l.kafka_partition = a.kafka_partition
    and l.kafka_offset = a.kafka_offset and l.received_at = a.received_at
where a.alert_id = $1 and a.site_id = any($2::text[])

-- name: definitions
select study_id, instrument, version, definition from instruments
where (study_id, instrument, version) in (select * from unnest($1::text[], $2::text[], $3::text[]))

-- Two people at the same time take turns here; the second finds what the first did.
-- name: alert_in_hand
select state, patient_id, acknowledged_by, assessed_by, closed_by from alerts
where alert_id = $1 and site_id = any($2::text[]) for update

-- name: acknowledge_alert
update alerts set acknowledged_at = $2, acknowledged_by = $3 where alert_id = $1

-- name: assess_alert
update alerts set assessment = $4, assessed_at = $2, assessed_by = $3 where alert_id = $1

-- name: close_alert
update alerts set outcome = $4, closed_at = $2, closed_by = $3 where alert_id = $1

-- Adverse events ------------------------------------------------------------------------------------------

-- name: patient_of_adverse_event
select study_id, site_id, time_zone from patients where patient_id = $1 and site_id = any($2::text[])

-- Nothing comes back where one was reported from this alert, or by this doctor under this key, already.
-- name: add_adverse_event
insert into adverse_events (adverse_event_id, alert_id, study_id, site_id, patient_id, term, grade, serious, onset,
    description, reported_at, reported_by, idempotency_key)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
on conflict do nothing
returning adverse_event_id

-- Newest first: $1 sites, $2 patient, $3 and $4 the last row's key, $5 limit; null: any.
-- name: adverse_events
select e.*, u.username as reported_name
from adverse_events e
left join users u on u.user_id = e.reported_by
where e.site_id = any($1::text[])
    and ($2::text is null or e.patient_id = $2)
    and ($3::timestamptz is null or (e.reported_at, e.adverse_event_id) < ($3, $4::uuid))
order by e.reported_at desc, e.adverse_event_id desc
limit $5

-- name: adverse_event_of_alert
select e.*, u.username as reported_name
from adverse_events e
left join users u on u.user_id = e.reported_by
where e.alert_id = $1 and e.site_id = any($2::text[])

-- What a user reported under a key of his own: $1 and $2.
-- name: adverse_event_of_key
select e.*, u.username as reported_name
from adverse_events e
left join users u on u.user_id = e.reported_by
where e.reported_by = $1 and e.idempotency_key = $2

-- What people do ------------------------------------------------------------------------------------------

-- name: add_action
insert into actions (at, user_id, role, subject, subject_id, site_id, patient_id, what, old, new, why)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
returning action_id

-- Until the transaction ends nobody else adds an action: those before it are committed, and its id is the highest.
-- name: turn_to_act
select pg_advisory_xact_lock(9167127)

-- name: last_action_seal
select last_action_id, seal from action_seals order by last_action_id desc limit 1

-- name: digests_of_actions
select action_digests($1, $2)

-- name: add_action_seal
insert into action_seals (last_action_id, previous, seal, kid) values ($1, $2, $3, $4)

-- name: user_name
select username from users where user_id = $1

-- The relay numbers it and publishes it, as it does a worker's.
-- name: add_event
insert into outbox (written_at, events, seals) values ($1, $2, $3)

-- Of an alert, with that of the adverse event reported from it. Ask only for an alert in the caller's scope.
-- name: history_of_alert
select x.at, x.user_id, u.username, x.role, x.what, x.old, x.new, x.why
from actions x
left join users u using (user_id)
where (x.subject = 'alert' and x.subject_id = $1)
    or (x.subject = 'adverse_event'
        and x.subject_id = (select adverse_event_id from adverse_events where alert_id = $1))
order by x.action_id

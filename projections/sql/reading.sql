-- What projections.read_api asks for the dashboard's pages. Every query narrows to sites of the caller's by itself.
-- Lists go on from a key ("keyset"), and ask for one row more than the page shows.

-- Patients ------------------------------------------------------------------------------------------------

-- The inner query is in the order of the key, so that the outer one stops at its limit; without a filter that needs
-- the counts it ends there itself. Counted are visits whose window has opened and that are still expected.
-- $1 sites, $2 after, $3 search, $4 whether names are searched, $5 status, $6 now, $7 limit.
-- name: patients
select p.patient_id, p.site_id, i.name as site_name, p.time_zone, p.anchor_date, v.completed, v.late, v.open,
    v.overdue, v.missed, a.open_alerts, r.last_received_at
from (
    select p.patient_id, p.site_id, p.time_zone, p.anchor_date
    from patients p
    where p.site_id = any($1::text[])
        and ($2::text is null or p.patient_id > $2)
        and (
            $3::text is null
            or position(lower($3) in lower(p.patient_id)) > 0
            or ($4::boolean and exists (
                select from patient_identities n
                where n.patient_id = p.patient_id and position(lower($3) in lower(n.name)) > 0
            ))
        )
        and case $5  -- spares counting for everybody where few or none can be meant
            when 'alert' then exists (
                select from alerts a where a.patient_id = p.patient_id and a.state = 'open'
            )
            when 'overdue' then exists (select from slots s where s.closes_at <= $6 and s.late_until > $6)
            else true
        end
    order by p.patient_id
    limit case when $5::text is null then $7::integer end
) p
join sites i using (site_id)
cross join lateral (
    select count(*) filter (where v.completed_at is not null) as completed,
        count(*) filter (where v.completed_at is not null and v.timeliness = 'late') as late,
        count(*) filter (where v.completed_at is null and s.closes_at > $6) as open,
        count(*) filter (where v.completed_at is null and s.closes_at <= $6 and s.late_until > $6) as overdue,
        count(*) filter (where v.completed_at is null and s.late_until <= $6) as missed
    from visits v
    join slots s using (slot_id)
    where v.patient_id = p.patient_id and s.opens_at <= $6::timestamptz
        and (v.completed_at is not null or v.cancelled_at is null or v.cancelled_at > $6)
) v
cross join lateral (
    select count(*) as open_alerts from alerts a where a.patient_id = p.patient_id and a.state = 'open'
) a
cross join lateral (
    select max(received_at) as last_received_at from report_ids r where r.patient_id = p.patient_id
) r
where case $5
    when 'alert' then a.open_alerts > 0
    when 'overdue' then v.overdue > 0
    when 'missed' then v.missed > 0
    when 'on_track' then v.overdue = 0 and v.missed = 0 and a.open_alerts = 0
    else true
end
order by p.patient_id
limit $7

-- name: patient_card
select p.patient_id, p.study_id, s.title as study_title, s.purpose, p.site_id, i.name as site_name, p.time_zone,
    p.anchor_date, p.consented_from, p.consented_until, p.enrolled_at
from patients p
join studies s using (study_id)
join sites i using (site_id)
where p.patient_id = $1 and p.site_id = any($2::text[])

-- Asked only for those who may know.
-- name: patient_identity
select n.name, n.contact
from patient_identities n
join patients p using (patient_id)
where n.patient_id = $1 and p.site_id = any($2::text[])

-- Newest first. $3 to $6 are the key of the last row shown, or null.
-- name: reports_of_patient
select l.received_at, l.stream_id, l.kafka_partition, l.kafka_offset, l.disposition, l.reason, l.report_id,
    l.instrument, l.instrument_version, l.recorded_at, l.sent_at, l.placement, l.visit_id, l.flags, l.amends, l.role,
    l.value,
    (
        select a.report_id from amendments a
        join report_ids n on n.patient_id = a.patient_id and n.report_id = a.report_id
        where a.patient_id = l.patient_id and a.amends = l.report_id and l.disposition = 'accepted'
        order by n.received_at desc, n.kafka_offset desc limit 1
    ) as superseded_by
from ledger l
join patients p using (patient_id)
where l.patient_id = $1 and p.site_id = any($2::text[]) and l.disposition in ('accepted', 'quarantined')
    and (
        $3::timestamptz is null
        or (l.received_at, l.stream_id, l.kafka_partition, l.kafka_offset)
            < ($3, $4::smallint, $5::smallint, $6::bigint)
    )
order by l.received_at desc, l.stream_id desc, l.kafka_partition desc, l.kafka_offset desc
limit $7

-- An instrument is known to those who have a site of its study.
-- name: instrument_definition
select n.definition
from instruments n
where n.study_id = $1 and n.instrument = $2 and n.version = $3
    and exists (select from sites s where s.study_id = n.study_id and s.site_id = any($4::text[]))

-- Sites ---------------------------------------------------------------------------------------------------

-- Per site, visit and planned date from $2 to $3; $4 is now.
-- name: compliance
select c.site_id, i.name as site_name, i.study_id, t.purpose, s.visit_code, s.visit_name, s.planned_date,
    sum(c.expected)::integer as expected, sum(c.on_time + c.late)::integer as completed,
    sum(c.late)::integer as late,
    coalesce(sum(c.expected - c.on_time - c.late) filter (where s.opens_at > $4), 0)::integer as upcoming,
    coalesce(sum(c.expected - c.on_time - c.late) filter (where s.opens_at <= $4 and s.closes_at > $4), 0)::integer
        as open,
    coalesce(sum(c.expected - c.on_time - c.late) filter (where s.closes_at <= $4 and s.late_until > $4), 0)::integer
        as overdue,
    coalesce(sum(c.expected - c.on_time - c.late) filter (where s.late_until <= $4::timestamptz), 0)::integer as missed
from slot_counts c
join slots s using (slot_id)
join sites i using (site_id)
join studies t on t.study_id = i.study_id
where c.site_id = any($1::text[]) and s.planned_date between $2::date and $3::date
group by c.site_id, i.name, i.study_id, t.purpose, s.visit_code, s.visit_name, s.planned_date
order by s.planned_date, c.site_id, s.visit_code, s.visit_name

-- Newest first, of patients of these sites. What names no patient of ours belongs to no site and is not listed.
-- $3 to $6 are the key of the last row shown, or null.
-- name: quarantined
select l.received_at, l.stream_id, l.kafka_partition, l.kafka_offset, l.reason, l.patient_id, l.report_id,
    l.instrument, p.site_id, l.user_id, l.role
from ledger l
join patients p using (patient_id)
where l.disposition = 'quarantined' and p.site_id = any($1::text[])
    and ($2::text is null or l.reason = $2)
    and (
        $3::timestamptz is null
        or (l.received_at, l.stream_id, l.kafka_partition, l.kafka_offset)
            < ($3, $4::smallint, $5::smallint, $6::bigint)
    )
order by l.received_at desc, l.stream_id desc, l.kafka_partition desc, l.kafka_offset desc
limit $7

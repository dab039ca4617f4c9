-- What `eightbells verify` asks; see projections.verify. Every answer is a set, however long the ledger.

-- name: streams
select stream_id, cluster_id, topic_id, topic from streams order by stream_id;

-- name: reached
select kafka_partition, next_offset from offsets join streams using (stream_id)
where cluster_id = $1 and topic_id = $2;

-- name: partitions
select o.stream_id, o.kafka_partition, o.first_offset, o.next_offset, o.seal,
    coalesce(sum(l.rows) filter (where l.disposition = 'accepted'), 0)::bigint as accepted,
    coalesce(sum(l.rows) filter (where l.disposition = 'duplicate'), 0)::bigint as duplicate,
    coalesce(sum(l.rows) filter (where l.disposition = 'quarantined'), 0)::bigint as quarantined,
    coalesce(sum(l.offsets) filter (where l.disposition = 'gap'), 0)::bigint as gap
from offsets o
left join (
    select stream_id, kafka_partition, disposition, count(*) as rows,
        sum(coalesce(gap_until, kafka_offset) - kafka_offset + 1) as offsets
    from ledger group by 1, 2, 3
) l using (stream_id, kafka_partition)
group by o.stream_id, o.kafka_partition
order by o.stream_id, o.kafka_partition;

-- name: breaks
-- Where a row does not begin right after the one before it: offsets missing, or there twice. The first row is
-- held against the offset the ledger began with.
select stream_id, kafka_partition, expected, kafka_offset
from (
    select l.stream_id, l.kafka_partition, l.kafka_offset,
        coalesce(
            lag(coalesce(l.gap_until, l.kafka_offset)) over (
                partition by l.stream_id, l.kafka_partition order by l.kafka_offset, l.gap_until
            ) + 1,
            o.first_offset
        ) as expected
    from ledger l left join offsets o using (stream_id, kafka_partition)
) steps
where expected is distinct from kafka_offset
order by stream_id, kafka_partition, kafka_offset
limit $1;

-- name: ends
-- Partitions whose last ledger row does not end right before the next offset.
select o.stream_id, o.kafka_partition, o.next_offset,
    coalesce(max(coalesce(l.gap_until, l.kafka_offset)) + 1, o.first_offset) as ledger_next
from offsets o left join ledger l using (stream_id, kafka_partition)
group by o.stream_id, o.kafka_partition
having o.next_offset <> coalesce(max(coalesce(l.gap_until, l.kafka_offset)) + 1, o.first_offset)
order by 1, 2;

-- name: seals
select s.stream_id, s.kafka_partition, s.first_offset, s.last_offset, s.previous, s.seal, s.kid, l.digests
from seals s
left join lateral (
    select string_agg(sha256(convert_to(array_to_json(array[
            kafka_partition::text,
            kafka_offset::text,
            gap_until::text,
            (extract(epoch from received_at) * 1000000)::bigint::text,
            disposition,
            reason,
            first_partition::text,
            first_offset::text,
            patient_id,
            report_id::text,
            instrument,
            instrument_version,
            (extract(epoch from recorded_at) * 1000000)::bigint::text,
            visit_id,
            placement,
            flags::text,
            amends::text,
            user_id,
            role,
            (extract(epoch from sent_at) * 1000000)::bigint::text,
            encode(sha256, 'hex'),
            encode(record_key, 'hex'),
            headers::text
        ])::text, 'UTF8')), ''::bytea order by kafka_offset) as digests
    from ledger
    where ledger.stream_id = s.stream_id and ledger.kafka_partition = s.kafka_partition
        and ledger.kafka_offset between s.first_offset and s.last_offset
) l on true
order by s.stream_id, s.kafka_partition, s.last_offset;

-- name: altered_values
select stream_id, kafka_partition, kafka_offset from ledger
where sha256(value) is distinct from sha256
order by 1, 2, 3 limit $1;

-- name: claims_without_row
-- Identities and refused attempts whose ledger row is not there, or is another report's.
select c.stream_id, c.kafka_partition, c.kafka_offset, c.patient_id, c.report_id
from (
    select stream_id, kafka_partition, kafka_offset, received_at, patient_id, report_id, sha256 from report_ids
    union all
    select stream_id, kafka_partition, kafka_offset, received_at, patient_id, report_id, sha256
    from refused_attempts
) c
left join ledger l on l.stream_id = c.stream_id and l.kafka_partition = c.kafka_partition
    and l.kafka_offset = c.kafka_offset and l.received_at = c.received_at
where (l.patient_id, l.report_id, l.sha256) is distinct from (c.patient_id, c.report_id, c.sha256)
    or l.disposition not in ('accepted', 'quarantined')
order by 1, 2, 3 limit $1;

-- name: accepted_without_identity
select l.stream_id, l.kafka_partition, l.kafka_offset, l.patient_id, l.report_id
from ledger l
left join report_ids r on r.patient_id = l.patient_id and r.report_id = l.report_id
    and r.stream_id = l.stream_id and r.kafka_partition = l.kafka_partition and r.kafka_offset = l.kafka_offset
where l.disposition = 'accepted' and r.patient_id is null
order by 1, 2, 3 limit $1;

-- name: default_rows
select count(*) from ledger where tableoid = 'ledger_default'::regclass;

-- name: counters
-- Sites and windows whose counters, summed over shards, differ from their visits.
select site_id, slot_id, c.partial as counted_partial, c.on_time as counted_on_time, c.late as counted_late,
    v.partial, v.on_time, v.late
from (
    select site_id, slot_id, sum(partial) as partial, sum(on_time) as on_time, sum(late) as late
    from slot_counts group by 1, 2
    having sum(partial) <> 0 or sum(on_time) <> 0 or sum(late) <> 0
) c
full join (
    select v.site_id, v.slot_id,
        count(*) filter (where v.completed_at is null and v.forms ?| s.required) as partial,
        count(*) filter (where v.timeliness = 'on_time') as on_time,
        count(*) filter (where v.timeliness = 'late') as late
    from visits v join slots s using (slot_id)
    where v.forms is not null
    group by 1, 2
    having count(*) filter (where v.completed_at is not null or v.forms ?| s.required) > 0
) v using (site_id, slot_id)
where (c.partial, c.on_time, c.late) is distinct from (v.partial, v.on_time, v.late)
order by 1, 2 limit $1;

-- name: expected
-- Sites and windows where another number of visits is expected than there are.
select site_id, slot_id, c.expected as counted, v.expected
from (select site_id, slot_id, sum(expected) as expected from slot_counts group by 1, 2) c
full join (
    select site_id, slot_id, count(*) as expected, count(cancelled_at) as cancelled from visits group by 1, 2
) v using (site_id, slot_id)
where c.expected is distinct from v.expected and coalesce(v.cancelled, 0) = 0
order by 1, 2 limit $1;

-- name: completions
-- Completed visits and reports that complete one: as many.
select (select count(*) from visits where completed_at is not null) as visits,
    (select count(*) from ledger where placement = 'completes') as reports;

-- name: action_seals
select last_action_id, previous, seal, kid,
    action_digests(lag(last_action_id, 1, 0::bigint) over (order by last_action_id), last_action_id) as digests
from action_seals order by last_action_id;

-- name: unsealed_actions
select count(*) from actions where action_id > $1;

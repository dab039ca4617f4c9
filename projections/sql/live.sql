-- What projections.live asks: with one connection per process, but for the replay of a reader that was away long.

-- name: head
select epoch, last_batch from relay_state

-- name: batches_after
select epoch, batch, events from outbox where batch > $1 order by batch limit $2

-- name: board_counters
select c.site_id, c.slot_id, sum(c.on_time + c.late)::integer as completed, sum(c.late)::integer as late,
    sum(c.partial)::integer as partial
from unnest($1::text[], $2::bigint[]) x (site_id, slot_id)
join slot_counts c on c.site_id = x.site_id and c.slot_id = x.slot_id
group by c.site_id, c.slot_id
order by c.site_id, c.slot_id

-- Whether every batch after $1 is still there, for a cursor that is not the newest. Numbers have no gaps, and the
-- relay forgets from the beginning; ask it after reading, so that nothing was forgotten in between.
-- name: reaches_back_to
select exists (select from outbox where batch = $1::bigint + 1)

-- name: events_between
select e.event
from outbox o
cross join lateral jsonb_array_elements(o.events) with ordinality e (event, step)
where o.batch > $1 and o.batch <= $2 and e.event ->> 'siteId' = any($3::text[])
order by o.batch, e.step
limit $4

-- Those of the sockets' users who may still be connected, by their place in the arrays.
-- name: callers
select x.place, u.role, u.permissions,
    array(select site_id from user_sites s where s.user_id = u.user_id) as sites
from unnest($1::text[], $2::uuid[]) with ordinality x (user_id, sid, place)
join users u using (user_id)
where u.disabled_at is null
    and not exists (
        select from login_families f
        where f.sid = x.sid and (f.revoked_at is not null or f.user_id <> u.user_id)
    )

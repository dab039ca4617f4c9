-- What projections.relay asks, with the role eightbells_relay.

-- name: try_to_lead
select pg_try_advisory_lock($1)

-- Which history of writes this is: restoring a dump gives another cluster, restoring a backup or promoting a
-- standby another timeline.
-- name: lineage
select system_identifier || '/' || left(pg_walfile_name(pg_current_wal_lsn()), 8) from pg_control_system()

-- name: state
select epoch, lineage, last_batch, published_batch from relay_state

-- name: first_epoch
insert into relay_state (epoch, lineage, last_batch, published_batch) values ($1, $2, 0, 0)

-- name: next_epoch
update relay_state set epoch = $1, lineage = $2

-- Touches nothing but a small index: asked twenty times a second.
-- name: has_unnumbered
select exists (select from outbox where batch is null)

-- Numbers what is committed and visible to this one statement, in the order of outbox_id. A transaction that
-- commits later gets a later number, whatever its outbox_id.
-- name: number_batches
with head as (
    select epoch, last_batch from relay_state for update
),
fresh as (
    select outbox_id, row_number() over (order by outbox_id) as step
    from (select outbox_id from outbox where batch is null order by outbox_id limit $1) as waiting
),
numbered as (
    update outbox o set epoch = head.epoch, batch = head.last_batch + fresh.step
    from fresh, head
    where o.outbox_id = fresh.outbox_id
    returning o.batch
),
moved as (
    update relay_state set last_batch = (select max(batch) from numbered)
    where exists (select from numbered)
    returning epoch, last_batch
)
select epoch, last_batch, pg_notify($2, epoch || '.' || last_batch)::text,
    (select count(*) from numbered) as count
from moved

-- name: to_publish
select batch, events, seals from outbox where batch > $1 order by batch limit $2

-- name: published
update relay_state set published_batch = $1 where published_batch < $1

-- Deletes the oldest published batches up to the first that is too young: $1 written before, $2 how many of the
-- newest stay in any case, $3 the most of one statement.
-- name: forget_batches
with oldest as (
    select batch, written_at from outbox
    where batch <= (select published_batch - $2::bigint from relay_state)
    order by batch
    limit $3
)
delete from outbox
where batch <= (select max(batch) from oldest where written_at < $1)
    and batch < all (select batch from oldest where written_at >= $1)
returning batch

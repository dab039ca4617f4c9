"""The relay: gives committed outbox batches their numbers, wakes the live sockets, and publishes to Kafka.

One relay leads, by a session's advisory lock; others stand by. Numbering happens on the very connection that
holds the lock, so a relay that lost the lock cannot number.

It looks for unnumbered batches every 50 ms instead of being notified by the worker: NOTIFY takes a lock of
the whole database from before a transaction's commit until after its flush, which would make all workers
commit one after another. The relay's own NOTIFY, once per step, disturbs nobody.

A cursor is ``epoch.batch``. The epoch changes with the cluster's system identifier or timeline, that is after
a restore or a promotion, when cursors may name batches that this history never had. What cannot be told from
inside is a data directory that was copied cold and put back: whoever does that starts a new epoch by hand,
with ``update relay_state set lineage = ''`` before the relay comes up.

Publishing is at least once, in order per patient. While Kafka is away, numbering and sockets go on.
"""

-- When each transaction was about to commit, by the database's clock: what had been committed at an instant. Null in
-- seals from before this; of those, the time of receipt is all that is known.

alter table seals add column sealed_at timestamptz;

grant select (stream_id, kafka_partition, last_offset, sealed_at) on seals to eightbells_api;

-- What the dashboard's lists need to be quick.

create index ledger_quarantined on ledger (received_at, stream_id, kafka_partition, kafka_offset)
    where disposition = 'quarantined';

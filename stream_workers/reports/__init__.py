"""The report worker: reads the topic, judges each record, applies batches to Postgres."""

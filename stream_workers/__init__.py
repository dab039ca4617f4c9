"""Processes that read Kafka; so far one, which takes reports into Postgres."""

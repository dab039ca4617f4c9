"""Processes that read Kafka: reports into Postgres, and alerts to people."""

"""The local stack: a real Kafka, a real PostgreSQL and our processes, from Python packages alone."""

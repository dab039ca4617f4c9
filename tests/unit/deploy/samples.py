"""What tests show of a stack that does not run."""

from deploy.local.state import Stack

STACK = Stack(
    gateway="http://127.0.0.1:8180",
    api="http://127.0.0.1:8081",
    kafka="127.0.0.1:9092",
    database="postgresql://eightbells_reader:secret@127.0.0.1:5432/eightbells",
    dataDir="/data",
    processes={},
    supervisor=1,
    phase="ready",
    brokers=1,
    demoLogins="/data/secrets/demo-logins.txt",
    notes=("Ports were taken, so these moved: gateway 8080 → 8180.",),
)

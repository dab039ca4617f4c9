"""Where the demonstration sends its viewers."""

from deploy.demo.guide import guide
from deploy.demo.stage import STUDY_FILE
from deploy.local.state import Stack
from projections.study.reading import read_study

STACK = Stack(
    gateway="http://127.0.0.1:8180",
    api="http://127.0.0.1:8081",
    kafka="",
    database="",
    dataDir="/data",
    processes={},
    supervisor=1,
    phase="ready",
    brokers=1,
    demoLogins="/data/secrets/demo-logins.txt",
    notes=("Ports were taken, so these moved: gateway 8080 → 8180.",),
)


def test_it_says_who_may_log_in_where_what_they_see_and_where_their_passwords_are() -> None:
    said = "\n".join(guide(STACK, read_study(STUDY_FILE)))
    assert "http://127.0.0.1:8081/" in said
    assert "dr.chen (上海澄江医院), dr.mueller (Klinikum Spreebogen, Berlin), coord.all (every site)" in said
    assert STACK.demoLogins in said
    assert STACK.notes[0] in said
    assert "admin" not in said.partition("Try")[0]

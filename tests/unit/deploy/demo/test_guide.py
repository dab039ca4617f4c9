"""Where the demonstration sends its viewers."""

from deploy.demo.guide import guide
from deploy.demo.stage import STUDY_FILE
from projections.study.reading import read_study
from tests.unit.deploy.samples import STACK


def test_it_says_who_may_log_in_where_what_they_see_and_where_their_passwords_are() -> None:
    said = "\n".join(guide(STACK, read_study(STUDY_FILE)))
    assert "http://127.0.0.1:8081/" in said
    assert "dr.chen (上海澄江医院), dr.mueller (Klinikum Spreebogen, Berlin), coord.all (every site)" in said
    assert STACK.demoLogins in said
    assert STACK.notes[0] in said
    assert "admin" not in said.partition("Try")[0]

"""A sentence that says why a visit has its status, for patients and staff."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from projections.read_api.language import choose
from projections.schedule import Completion, StatusCode, VisitState

_SENTENCES: Final[dict[StatusCode, dict[str, str]]] = {
    "upcoming": {"zh": "将于 {opens} 开放。", "en": "Opens at {opens}."},
    "open": {"zh": "请在 {closes} 前填写。", "en": "Please fill in before {closes}."},
    "partial": {
        "zh": "已收到 {filled}/{required} 份问卷，请在 {closes} 前完成其余部分。",
        "en": "{filled} of {required} questionnaires are in; the others are due before {closes}.",
    },
    "overdue": {
        "zh": "已于 {closes} 截止，{late} 前仍可补填。",
        "en": "Was due at {closes}; can still be filled in before {late}.",
    },
    "missed": {"zh": "补填期已于 {late} 结束。", "en": "The time to fill in ended at {late}."},
    "cancelled": {"zh": "此次访视已取消。", "en": "This visit is no longer expected."},
}
_COMPLETED: Final = {
    "on_time": {"zh": "已于 {done} 按时完成。", "en": "Completed on time, at {done}."},
    "late": {
        "zh": "已于 {done} 完成，晚于截止时间 {closes}。",
        "en": "Completed at {done}, after it was due at {closes}.",
    },
}


def explain(
    code: StatusCode, state: VisitState, done: Completion | None, time_zone: str, languages: Sequence[str]
) -> str:
    """The sentence, in Chinese or English, with times by the patient's clock."""
    zone = ZoneInfo(time_zone)

    def local(instant: datetime) -> str:
        return instant.astimezone(zone).strftime("%Y-%m-%d %H:%M")

    sentence = _COMPLETED[done.timeliness] if done else _SENTENCES[code]
    return choose(sentence, languages).format(
        opens=local(state.window.opens_at),
        closes=local(state.window.closes_at),
        late=local(state.window.late_until),
        done=local(done.completed_at) if done else "",
        filled=sum(name in state.forms for name in state.required),
        required=len(state.required),
    )

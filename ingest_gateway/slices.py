"""Telling the reports of a batch apart where it cannot be parsed as a whole, because one of them can't.

Only brackets and strings are looked at. What a slice holds is judged afterwards, like any report sent alone.
"""

import re
from typing import Final

_HEAD: Final = re.compile(rb'[ \t\n\r]*+\{[ \t\n\r]*+"reports"[ \t\n\r]*+:[ \t\n\r]*+\[')
_TAIL: Final = re.compile(rb"[ \t\n\r]*+\}[ \t\n\r]*+\Z")
_STRING: Final = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_WITHIN: Final = re.compile(rb'[^"\[\]{}]*+(?:%b[^"\[\]{}]*+)*+' % _STRING, re.DOTALL)
_BETWEEN: Final = re.compile(rb'[^"\[\]{},]*+(?:%b[^"\[\]{},]*+)*+' % _STRING, re.DOTALL)
_CLOSES: Final = {ord("["): ord("]"), ord("{"): ord("}")}
_MOST_BRACKETS: Final = 100_000
"""More than 500 reports can have in their megabyte; what has more only wants to cost time."""


def slice_reports(body: bytes) -> list[bytes] | None:
    """The exact bytes of each element of ``{"reports": […]}``; None where one's end cannot be told."""
    head = _HEAD.match(body)
    if head is None:
        return None
    at = start = head.end()
    found: list[bytes] = []
    awaited: list[int] = []
    for _ in range(_MOST_BRACKETS):
        skipped = (_WITHIN if awaited else _BETWEEN).match(body, at)
        at = at if skipped is None else skipped.end()
        if at >= len(body) or body[at] == ord('"'):  # a string that does not end
            return None
        mark = body[at]
        at += 1
        if mark in _CLOSES:
            awaited.append(_CLOSES[mark])
        elif awaited:
            if awaited.pop() != mark:
                return None
        elif mark == ord(","):
            found.append(body[start : at - 1].strip(b" \t\n\r"))
            start = at
        elif mark == ord("]"):
            found.append(body[start : at - 1].strip(b" \t\n\r"))
            return found if all(found) and _TAIL.match(body, at) else None
        else:
            return None
    return None

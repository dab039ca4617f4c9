"""Where to look after the demonstration's burst: addresses, and commands to copy."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from deploy.demo.stage import CODES_FILE
from deploy.local.state import Stack

FIRST_PATIENT: Final = "P-000001"


def guide(stack: Stack, patient_id: str) -> Iterator[str]:
    """Lines for a person; no password is among them, only the file that has them."""
    codes = Path(stack.demoLogins).with_name(CODES_FILE)
    yield f"  Gateway    {stack.gateway}/api/v1/reports"
    yield f"  Read API   {stack.api} (every call: {stack.api}/docs)"
    yield f"  Log in     names and passwords: {stack.demoLogins}"
    yield f"             patients' activation codes: {codes}"
    yield "  Try        copy these lines, as the coordinator of all sites:"
    yield f"    PASSWORD=$(awk '$1 == \"coord.all\" {{print $2}}' '{stack.demoLogins}')"
    yield (
        f"    TOKEN=$(curl -s {stack.api}/login -H 'Content-Type: application/json' "
        '-d "{\\"username\\":\\"coord.all\\",\\"password\\":\\"$PASSWORD\\"}" '
        '| sed \'s/.*"token":"\\([^"]*\\)".*/\\1/\')'
    )
    yield (
        f'    curl -s -H "Authorization: Bearer $TOKEN" {stack.api}/api/v1/trial/patients/{patient_id}/visits'
    )
    yield f'    curl -s -H "Authorization: Bearer $TOKEN" "{stack.api}/api/v1/board?siteId=S-01"'

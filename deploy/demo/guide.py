"""Where to look: the dashboard and its logins, the other addresses, and commands to copy."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from deploy.cli.showing import dashboard
from deploy.demo.stage import CODES_FILE
from deploy.demo.users import demo_staff
from deploy.local.state import Stack
from projections.study.model import Study

FIRST_PATIENT: Final = "P-000001"


def welcome(stack: Stack, study: Study) -> Iterator[str]:
    """The dashboard's address and who may log in; passwords are only in the file that is named."""
    yield f"  Dashboard  {dashboard(stack)}"
    people = [one for one in demo_staff(study) if one.role == "doctor"]
    names = [f"{one.username} ({_sites(one.sites, study)})" for one in people]
    yield f"  Log in     as {', '.join(names)}"
    yield f"             passwords, for your eyes only: {stack.demoLogins}"


def guide(stack: Stack, study: Study, patient_id: str = FIRST_PATIENT) -> Iterator[str]:
    """Lines for a person; no password is among them, only the file that has them."""
    yield from welcome(stack, study)
    codes = Path(stack.demoLogins).with_name(CODES_FILE)
    yield f"             patients' activation codes: {codes}"
    yield f"  Gateway    {stack.gateway}/api/v1/reports"
    yield f"  Read API   {stack.api} (every call: {stack.api}/openapi.json)"
    yield from (f"  Note       {note}" for note in stack.notes)
    yield "  Try        copy these lines, as the coordinator of all sites:"
    yield f"    PASSWORD=$(awk '$1 == \"coord.all\" {{print $2}}' '{stack.demoLogins}')"
    yield (
        f"    TOKEN=$(curl -s {stack.api}/login -H 'Content-Type: application/json' "
        '-d "{\\"username\\":\\"coord.all\\",\\"password\\":\\"$PASSWORD\\"}" '
        '| sed \'s/.*"token":"\\([^"]*\\)".*/\\1/\')'
    )
    for path in (f"/api/v1/trial/patients/{patient_id}/visits", "/api/v1/alerts?state=open&level=critical"):
        yield f'    curl -s -H "Authorization: Bearer $TOKEN" "{stack.api}{path}"'


def _sites(sites: tuple[str, ...], study: Study) -> str:
    if len(sites) == len(study.sites):
        return "every site"
    return ", ".join(site.name for site in study.sites if site.id in sites)

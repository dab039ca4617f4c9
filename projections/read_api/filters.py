"""Filters that several lists have. They narrow what the caller's scope allows and never add to it."""

from typing import Annotated

from fastapi import Query

SiteIds = Annotated[list[str] | None, Query(alias="siteId", description="Only these sites, of the caller's.")]
PatientId = Annotated[
    str | None,
    Query(alias="patientId", max_length=64, pattern=r"\A[^\x00]*\z", description="Only theirs."),
]

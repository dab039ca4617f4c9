"""A small study file with a bit of everything, for tests to change."""

from pathlib import Path

from projections.study.model import Study
from projections.study.reading import parse_study

GOOD = """\
studyId: S-1
version: "1.0"
purpose: uat
title: {en: A study}
languages: [en]
sites:
  - {id: A, name: "Ward; <b>=1+1</b>", timeZone: Europe/Berlin}
instruments:
  - id: diary
    version: "1.0"
    title: {en: Diary}
    items:
      - {id: pain, type: integer, min: 0, max: 10, text: {en: Pain}}
      - {id: weight, type: number, min: 20, max: 300, unit: kg, text: {en: Weight}}
      - {id: slept, type: boolean, text: {en: Slept}}
      - {id: note, type: text, required: false, text: {en: Note}}
      - id: mood
        type: choice
        text: {en: Mood}
        choices: [{value: 0, text: {en: bad}}, {value: 1, text: {en: good}}]
    scoring:
      - {id: total, method: sum, items: [pain, mood]}
    alerts:
      - {id: pain-high, item: pain, comparison: ">=", value: 9, level: urgent}
schedule:
  version: "1.0"
  visits:
    - code: am
      name: {en: Morning}
      days: {from: 0, to: 13}
      opens: "08:00"
      closes: "11:00"
      grace: 1h
      required: [diary]
"""
YAML = Path("study.yaml")


def read(text: str, file: Path = YAML) -> Study:
    """Read a study from text."""
    return parse_study(text.encode("utf-8", "surrogatepass"), file)

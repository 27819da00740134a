"""The rows of the settings screen: choices, steps, and values written by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.settings.rows import ChoiceRow, KeysRow, Row, key_entries, setting_rows, when
from app.settings.schema import Settings, When
from models.actions import Action
from models.manifest import Manifest, read_manifest


@pytest.fixture(scope="module")
def manifests(worlds: Path) -> list[Manifest]:
    return [read_manifest(worlds / name) for name in ("boxes", "hills")]


def choice(rows: list[Row], name: str, part: str | None = None) -> ChoiceRow:
    return next(row for row in rows if isinstance(row, ChoiceRow) and (row.name, row.part) == (name, part))


def test_every_field_can_be_changed_in_the_app(manifests: list[Manifest]) -> None:
    rows = setting_rows(manifests)
    assert {row.name for row in rows} == set(Settings.model_fields)
    assert {when(row) for row in rows} == set(When)
    assert all(row.shown(Settings()) for row in rows)


def test_steps_go_round_and_every_value_is_possible(manifests: list[Manifest]) -> None:
    for row in setting_rows(manifests):
        if isinstance(row, ChoiceRow):
            settings = Settings()
            for _ in row.values:
                settings = Settings.model_validate(settings.model_dump() | row.step(settings, 1))
            assert row.value(settings) == row.value(Settings())
    night = choice(setting_rows(manifests), "theme", "hills").step(Settings(theme={"boxes": "day"}), 1)
    assert night == {"theme": {"boxes": "day", "hills": "night"}}


def test_a_value_written_by_hand_leads_to_the_next_one(manifests: list[Manifest]) -> None:
    row = choice(setting_rows(manifests), "text_scale")
    assert row.step(Settings(text_scale=1.25), 1) == {"text_scale": 1.5}
    assert row.step(Settings(text_scale=1.25), -1) == {"text_scale": 1.0}
    assert row.step(Settings(text_scale=4), 1) == {"text_scale": 3.0}
    theme = choice(setting_rows(manifests), "theme", "hills")
    assert theme.step(Settings(theme={"hills": "gone"}), 1) == {"theme": {"hills": "day"}}


def test_a_page_of_keys_lists_single_buttons(manifests: list[Manifest]) -> None:
    pages = [row for row in setting_rows(manifests) if isinstance(row, KeysRow)]
    assert [page.part for page in pages] == [None, "boxes", "hills"]
    assert [entry for entry, _ in key_entries(pages[2])] == [Action.LEFT, Action.RIGHT, Action.JUMP]

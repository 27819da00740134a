"""Settings as text: what is written is what is read."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as limits
from hypothesis import strategies as st

from app.keys.keymap import Command
from app.settings.reading import read_settings
from app.settings.schema import Colours, Settings, field_note
from app.settings.text import settings_text
from models.actions import Action


def test_every_field_is_explained_and_defaults_are_only_comments() -> None:
    text = settings_text(Settings(calm=True))
    for name in Settings.model_fields:
        assert field_note(name).meaning in text and f"({field_note(name).when};" in text
        assert (f"\n{name}:" in text) == (name == "calm")
        assert (f"\n# {name}:" in text) == (name != "calm")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "settings.yaml"


@given(
    st.builds(
        Settings,
        text_scale=st.floats(0.5, 4),
        colours=st.sampled_from(Colours),
        calm=st.booleans(),
        theme=st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=2),
        keys=st.just({"hills": {Action.LEFT_JUMP: ("z", "x"), Action.UP: ()}}) | st.just({}),
        commands=st.just({Command.NEXT_WORLD: ("end",)}) | st.just({}),
        scale=st.none() | st.integers(1, 32),
    )
)
@limits(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50)
def test_what_is_written_is_read(file: Path, settings: Settings) -> None:
    file.write_bytes(settings_text(settings).encode())
    reading = read_settings(file)
    assert reading.settings == settings
    assert all("no world of that name is here" in problem for problem in reading.problems)  # their names are made up

"""The player's settings file. Owns its schema, place and reading; refuses to write it: the file is the player's own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

from platformdirs import user_config_path, user_data_path, user_videos_path
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from app.keymap import COMMAND_KEYS, Command, chosen_keys, command_codes, key_code
from engine.backends.wish import BackendName
from models.actions import Action
from models.manifest import BadInput, first_problem, read_yaml

SETTINGS_LIMIT = 64 << 10  # bytes
Keys = Annotated[tuple[Annotated[str, Field(min_length=1, max_length=20)], ...], Field(max_length=8)]


def default_settings_path() -> Path:
    """Where the settings file is looked for when none is named."""
    return user_config_path("dreamcade", appauthor=False) / "settings.yaml"


def default_recordings_path() -> Path:
    """Where recordings go when the settings don't say."""
    return user_videos_path() / "Dreamcade"


def default_saves_path() -> Path:
    """Where saved games go when the settings don't say."""
    return user_data_path("dreamcade", appauthor=False) / "saves"


class Settings(BaseModel):
    """`settings.yaml`; every field may be left out."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    scale: Annotated[int, Field(ge=1, le=32)] | None = (
        None  # screen pixels a game pixel in a new window; None fits the desktop
    )
    fullscreen: bool = False
    overlay: bool = False  # figures shown from the start
    threads: Annotated[int, Field(ge=1, le=64)] | None = None  # of the model; None suits the machine
    backend: BackendName = BackendName.AUTO
    recordings: Path = Field(default_factory=default_recordings_path)
    saves: Path = Field(default_factory=default_saves_path)
    theme: dict[str, str] = Field(default_factory=dict)  # palette by world
    keys: dict[str, dict[Action, Keys]] = Field(default_factory=dict)  # world → action → key names
    commands: dict[Command, Keys] = Field(default_factory=dict)

    @field_validator("recordings", "saves")
    @classmethod
    def _folder(cls, folder: Path) -> Path:
        if "\0" in str(folder):
            raise ValueError("expected a folder's name")
        try:
            return folder.expanduser()
        except RuntimeError as error:
            raise ValueError(f"expected a folder, but the home of {folder.parts[0]} is not known") from error

    @model_validator(mode="after")
    def _keys_make_sense(self) -> Settings:
        try:
            taken = command_codes(self.command_keys)
            for world, chosen in self.keys.items():
                for action, names in chosen.items():
                    where = f"keys.{world}.{action}"
                    for name in names:
                        if (code := key_code(name, where)) in taken:
                            raise BadInput(f"{where}: expected a free key, but {name!r} is {taken[code]}")
        except BadInput as error:
            raise ValueError(str(error)) from error
        return self

    @property
    def command_keys(self) -> dict[Command, tuple[str, ...]]:
        """Key names of every command, the player's choice first."""
        return {command: chosen_keys(self.commands.get(command), names) for command, names in COMMAND_KEYS.items()}


def read_settings(path: Path) -> Settings:
    """Read and validate a settings file. Raises BadInput naming file, field and what was expected, in one line."""
    document = read_yaml(path, SETTINGS_LIMIT)
    try:
        return Settings.model_validate({} if document is None else document)
    except ValidationError as error:
        problem = " ".join(first_problem(error).removeprefix("document: Value error, ").split())
        raise BadInput(f"{path}: {problem}") from error


def load_settings(path: Path | None, warn: Callable[[str], None]) -> Settings:
    """The named file, which must be good; or the default one, where trouble is told to `warn` and defaults are used."""
    if path is not None:
        return read_settings(path)
    default = default_settings_path()
    try:
        return read_settings(default) if default.exists() else Settings()
    except (BadInput, OSError) as error:
        warn(f"{error}; defaults are used, the file is left as it is")
        return Settings()

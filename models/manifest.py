"""The manifest of a checkpoint folder: the contract between training and play.

Owns the schema and reading `manifest.yaml`. Refuses to open graphs (engine) or to write weights (training/export.py).
"""

from __future__ import annotations

import hashlib
from math import prod
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from models.actions import Action
from models.problem import first_problem as first_problem  # whoever checks a file takes it with BadInput

MANIFEST_NAME = "manifest.yaml"
MANIFEST_LIMIT = 1 << 20  # bytes; a manifest is a few kilobytes, anything near this is not one
NODES_LIMIT = 1 << 16  # of a document, with all that its aliases stand for; a manifest has about two thousand


class BadInput(Exception):
    """Bad input from outside: one line naming the file, the field and what was expected. Commands exit with 2."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TensorSpec(_Strict):
    """Name, shape and dtype of one graph input or output."""

    name: str
    shape: tuple[Annotated[int, Field(gt=0)], ...]
    dtype: Literal["float32", "float16", "int64", "int32", "uint8"]

    @property
    def size(self) -> int:
        """Number of elements."""
        return prod(self.shape)


class StateSpec(TensorSpec):
    """A state tensor. The step graph reads it as `name` and writes the rolled one as `next_<name>`."""

    @property
    def output_name(self) -> str:
        return f"next_{self.name}"


class FileEntry(_Strict):
    """What a file of the folder must be."""

    bytes: Annotated[int, Field(ge=0)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class ActionEntry(_Strict):
    """An action that the world knows, with the keys that trigger it by default (pygame key names)."""

    action: Action
    keys: tuple[str, ...] = ()


class CardCost(_Strict):
    """What a frame costs a card, counted from the half-precision graph that it runs: `half_operations` of products in
    half precision, `float_operations` of those in float32 (multiplications and additions), `bytes` of traffic by the
    types that it is in, `kernels` launched."""

    half_operations: Annotated[int, Field(ge=0)]
    float_operations: Annotated[int, Field(ge=0)]
    bytes: Annotated[int, Field(ge=0)]
    kernels: Annotated[int, Field(ge=0)]


class Cost(_Strict):
    """What one frame costs, counted from the step graph at export (engine/measuring/graph_cost.py). `kernels` 0, or no
    `card`: not counted."""

    operations: Annotated[int, Field(ge=0)]
    bytes: Annotated[int, Field(ge=0)]
    parameters: Annotated[int, Field(ge=0)]
    kernels: Annotated[int, Field(ge=0)] = 0
    card: CardCost | None = None


class Graphs(_Strict):
    """The file that plays each role.

    encoder: picture uint8 [1,H,W] (palette) or [1,H,W,3] (rgb) → tokens int64 [1,P].
    step: tokens int64 [1,P] of frame t, action int64 [1] taken at t, noise float32 [1,P] in [0,1), state… →
    next_tokens int64 [1,P], picture uint8 [1,H,W] or [1,H,W,3], entropy float32 [1] (mean nats a token), next_state….
    decoder: tokens int64 [1,P] → picture uint8. Not needed to play; for measuring and for tools.
    """

    encoder: str
    step: str
    decoder: str


class Provenance(_Strict):
    """How the weights came to be."""

    preset: str
    device: str
    seed: int
    frames: int
    steps: dict[str, int]
    hours: dict[str, float]
    world_version: int
    created: str


class Manifest(_Strict):
    """`manifest.yaml`. Field meanings are in the design of the checkpoint folder; shapes use H, W in pixels, P
    tokens, K codes."""

    schema_version: Literal[1] = 1
    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
    title: Annotated[str, Field(min_length=1, max_length=60)]
    description: Annotated[str, Field(max_length=400)] = ""
    genre: Annotated[str, Field(pattern=r"^[a-z][a-z -]{0,30}$")]
    height: Annotated[int, Field(ge=8, le=1024)]
    width: Annotated[int, Field(ge=8, le=1024)]
    pixels: Literal["palette", "rgb"]
    palettes: dict[str, list[tuple[int, int, int]]] = Field(default_factory=dict)
    tick_rate: Annotated[int, Field(ge=1, le=240)]
    actions: Annotated[list[ActionEntry], Field(min_length=1)]
    scripts: dict[str, list[tuple[Action, Annotated[int, Field(ge=1, le=10_000)]]]] = Field(default_factory=dict)
    tokens: Annotated[int, Field(gt=0)]
    codebook: Annotated[int, Field(gt=1)]
    state: list[StateSpec]
    graphs: Graphs
    start_frames: str
    metrics: str | None = None
    cost: Cost
    licence: str
    provenance: Provenance
    files: dict[str, FileEntry]
    headline: dict[str, float | None] = Field(default_factory=dict)

    @field_validator("palettes")
    @classmethod
    def _colours(cls, palettes: dict[str, list[tuple[int, int, int]]]) -> dict[str, list[tuple[int, int, int]]]:
        for name, colours in palettes.items():
            if not 2 <= len(colours) <= 256 or any(not 0 <= c <= 255 for rgb in colours for c in rgb):
                raise ValueError(f"palette {name!r} must be 2 to 256 colours of three bytes")
        return palettes

    @field_validator("files")
    @classmethod
    def _inside(cls, files: dict[str, FileEntry]) -> dict[str, FileEntry]:
        for name in files:
            path = PurePosixPath(name)
            if path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name or name == MANIFEST_NAME:
                raise ValueError(f"file {name!r} must be a path inside the folder")
        return files

    @model_validator(mode="after")
    def _whole(self) -> Manifest:
        if self.pixels == "palette" and not self.palettes:
            raise ValueError("palettes: a palette world needs at least one")
        listed = [entry.action for entry in self.actions]
        if len(set(listed)) != len(listed) or listed[0] is not Action.NOOP:
            raise ValueError("actions: must be distinct and begin with noop")
        wanted = [self.graphs.encoder, self.graphs.step, self.graphs.decoder, self.start_frames]
        missing = [name for name in wanted if name not in self.files]
        if self.metrics is not None and self.metrics not in self.files:
            missing.append(self.metrics)
        if missing:
            raise ValueError(f"files: no entry for {missing[0]}")
        return self

    @property
    def picture_shape(self) -> tuple[int, ...]:
        """Shape of one picture: (H, W) of palette indices, or (H, W, 3)."""
        return (self.height, self.width) if self.pixels == "palette" else (self.height, self.width, 3)

    @property
    def digest(self) -> str:
        """Identity of the checkpoint: sha256 over the graphs' and start frames' hashes, 16 hex digits."""
        graphs = self.graphs
        parts = [self.files[name].sha256 for name in (graphs.encoder, graphs.step, graphs.decoder, self.start_frames)]
        return hashlib.sha256("".join(parts).encode()).hexdigest()[:16]


class _BoundedLoader(yaml.SafeLoader):
    """A loader that gives up on documents which a few aliases make huge."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._made = 0
        self._sizes: dict[int, int] = {}  # of finished nodes, by identity

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        before, alias = self._made, self.check_event(yaml.AliasEvent)
        node = super().compose_node(parent, index)
        if alias:
            self._made += self._sizes.get(id(node), NODES_LIMIT)  # not finished: it stands inside itself
        else:
            self._made += 1
            self._sizes[id(node)] = self._made - before
        if self._made > NODES_LIMIT:
            raise yaml.YAMLError(f"more than {NODES_LIMIT} values")
        return node


def read_yaml(path: Path, limit: int = MANIFEST_LIMIT) -> Any:
    """Parse a small YAML file. Raises BadInput where it can't be read, is too large or isn't YAML."""
    try:
        if not path.is_file():
            raise BadInput(f"{path}: file: expected one, found none")
        with path.open("rb") as file:
            data = file.read(limit + 1)
        if len(data) > limit:
            raise BadInput(f"{path}: size: expected at most {limit} bytes")
        return yaml.load(data.decode("utf-8"), Loader=_BoundedLoader)  # a safe one
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise BadInput(f"{path}: file: cannot be read ({reason})") from error
    except (yaml.YAMLError, RecursionError, ValueError, LookupError, AttributeError, TypeError) as error:
        # The last three are what the parser itself raises on odd tags such as `!!int ""`.
        raise BadInput(
            f"{path}: document: expected YAML ({str(error).splitlines()[0] if str(error) else 'malformed'})"
        ) from error


def read_manifest(folder: Path) -> Manifest:
    """Read and validate `folder`/manifest.yaml. Raises BadInput."""
    path = folder / MANIFEST_NAME
    try:
        return Manifest.model_validate(read_yaml(path))
    except ValidationError as error:
        raise BadInput(f"{path}: {first_problem(error)}") from error

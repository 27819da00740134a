"""Presets: every figure that a pipeline run needs, in YAML. Owns their schema; refuses defaults that depend on the
machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from models.manifest import BadInput, first_problem, read_yaml

PRESETS = Path(__file__).parent / "presets"

Count = Annotated[int, Field(gt=0)]
Share = Annotated[float, Field(ge=0, le=1)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DataPreset(_Strict):
    """How much to simulate. `rare_share` of the windows lie over rare events (see `Windows`), where those that `rarity`
    names count as so rare, 1 the rarest, however many there are, and those that `early` names come at the window's
    beginning."""

    frames: Count
    num_envs: Count = 32
    episode_ticks: Count = 512
    rare_share: Share = 0.4
    rarity: dict[str, Share] = {}
    early: tuple[str, ...] = ()


class StagePreset(_Strict):
    """One training stage. It ends after `steps`, or `minutes` if given, whichever comes first.

    `batch` windows of `window` ticks a step; learning rates are those of AdamW and of Muon; `memory` is AdamW's second
    beta: with a short one, what comes in one step of ten is held for rarer than it is, since the steps between are made
    as long as its own; `ema` is the decay of the averaged weights; gradients longer than `clip` are shortened to it, so
    that one odd batch doesn't steer many steps.
    Minutes are the wall's, or the process's own of a processor: for comparisons on a machine that is busy otherwise.
    `compiled`: by torch.compile, which takes a minute and then joins the many small kernels that a GPU would wait for.
    """

    steps: Count
    minutes: Annotated[float, Field(gt=0)] | None = None
    batch: Count
    window: Count = 1
    learning_rate: Annotated[float, Field(gt=0)]
    muon_rate: Annotated[float, Field(gt=0)] = 0.02
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    memory: Share = 0.95
    warmup_steps: Count = 50
    decay_share: Share = 0.25
    clip: Annotated[float, Field(gt=0)] | None = None
    ema: Share = 0.995
    save_minutes: Annotated[float, Field(gt=0)] = 3.0
    clock: Literal["wall", "processor"] = "wall"
    compiled: bool = False


class TokenizerPreset(_Strict):
    """The tokenizer's shape and its stage.

    The `codebook` codes are chosen from the patches of `codebook_pictures` pictures; `changed_weight` is how much
    more a patch counts that changed in the last tick.
    """

    patch: Literal[4, 8, 16, 32] = 8
    codebook: Annotated[int, Field(ge=2)] = 1024
    codebook_pictures: Count = 8192
    dimensions: Count = 96
    decoder_channels: Count = 32
    decoder_blocks: Count = 1
    changed_weight: Annotated[float, Field(ge=1)] = 10.0
    stage: StagePreset


class DynamicsPreset(_Strict):
    """The dynamics model's shape, as `DynamicsConfig` has it, and its stage.

    `shifts` are how far each pixel may move; `carried`, and `carried_rows` × `carried_columns`, how far a patch may
    carry its pixels (see the compositor). `corruption` is how likely a context frame has a rectangle that is wrong;
    after `own_after` of the budget, `own_share` of the contexts are the model's own rollouts. `entering_weight` is how
    much more a patch counts at the right edge, where a scrolling world brings what is new: a few pixels in four ticks
    that the rest of the picture would drown. `news_weight` is the same of a patch that isn't as a tick ago, be the
    picture moved as a whole: what moves by itself, and what that uncovers.
    """

    fold: Literal[1, 2, 4] = 2
    pixel_blocks: Count = 1
    pixel_channels: Count = 24
    detail_channels: Count = 48
    token_channels: Count = 64
    trunk_channels: Count = 128
    trunk: Literal["convolution", "attention"] = "convolution"
    blocks: Count = 4
    taps: Count = 3
    temporal_every: Count = 2
    column_channels: Annotated[int, Field(ge=0)] = 0
    edge_columns: Annotated[int, Field(ge=0)] = 0
    surroundings: tuple[int, int] = (0, 0)
    shifts: tuple[tuple[int, int], ...] = ((0, 0), (0, 1), (0, -1), (1, 0), (-1, 0))
    carried: tuple[tuple[int, int], ...] = ()
    carried_rows: tuple[int, ...] = ()
    carried_columns: tuple[int, ...] = ()
    corruption: Share = 0.3
    own_after: Share = 0.3
    own_share: Share = 0.5
    entering_weight: Annotated[float, Field(ge=1)] = 1.0
    news_weight: Annotated[float, Field(ge=1)] = 1.0
    stage: StagePreset

    @property
    def tells_odds(self) -> bool:
        """Whether the model has a layer for a world's own odds."""
        return self.edge_columns > 0 or any(self.surroundings)


class ChancePreset(_Strict):
    """The chance stage, of a world that knows its odds and a dynamics model with a layer for them: so many `choices`
    are met in play of `copies`, then learnt from in `epochs`, with no more than `certain` patches that leave none for
    each of them, on average. A choice may be among `most` codes."""

    choices: Annotated[int, Field(ge=32)] = 4000
    certain: Annotated[float, Field(ge=0)] = 1.0
    copies: Count = 16
    most: Count = 16
    epochs: Count = 30
    batch: Count = 128
    learning_rate: Annotated[float, Field(gt=0)] = 0.002
    weight_decay: Annotated[float, Field(ge=0)] = 0.05


class TeacherPreset(_Strict):
    """The teacher's stage. It decides a frame in `passes`; of the frames that it learns from, `blind` are told
    nothing, and `focused` all but some of what has changed: the rest a random share of their patches."""

    passes: Annotated[int, Field(ge=2)] = 4
    blind: Share = 0.25
    focused: Share = 0.5
    stage: StagePreset


class StudentPreset(_Strict):
    """The student's stage. `distil`: it learns from the teacher alone; `finetune`: from data alone, the control;
    `hybrid`: from each in half of the steps. Of the teacher's lessons, `own_share` are on what the student has
    played itself (on-policy: Agarwal et al. 2024)."""

    mode: Literal["distil", "finetune", "hybrid"] = "hybrid"
    own_share: Share = 0.5
    stage: StagePreset


class ExportPreset(_Strict):
    """`starts` start frames of `context` frames each; `min_p` truncates sampling inside the graph.

    `shared_noise`: all tokens of a frame are drawn with its first uniform number. Tokens are drawn without looking at
    each other, so with numbers of their own two halves of a sprite may take different poses; with one number, tokens
    that waver alike take the same side. Each token's distribution is the same either way.

    `candidates`: the likeliest codes that a token is drawn among: at least as many as a world may choose from at once.

    `chance_rows`: rows of patches in which all of a world's chance comes to light. Elsewhere the likeliest code is
    taken: what the network isn't sure of there it doesn't know, and drawing would not tell. Empty: drawn everywhere.

    `half_states`: from so many states the half-precision graph must choose the same tokens, or nothing is exported; 0
    for networks that are too little trained to be sure of anything. `ships`: the stage whose network it is.
    """

    starts: Count = 24
    context: Count = 8
    min_p: Share = 0.2
    shared_noise: bool = True
    chance_rows: tuple[Annotated[int, Field(ge=0)], ...] = ()
    candidates: Count = 8
    half_states: Annotated[int, Field(ge=0)] = 200
    ships: Literal["dynamics", "student"] = "dynamics"


class AdaptPreset(_Strict):
    """How a shipped world is adapted: the stages are the preset's own, but for `minutes` in all, of which the tokenizer
    has `tokenizer_share`, and for the dynamics model's learning rates, which are `rate` of the usual ones."""

    minutes: Annotated[float, Field(gt=0)] = 60.0
    tokenizer_share: Annotated[float, Field(gt=0, lt=1)] = 0.1
    rate: Annotated[float, Field(gt=0, le=1)] = 0.3


class Preset(_Strict):
    """All of a world's run. `precision` is of its products: see precision.py."""

    seed: int = 0
    precision: Literal["auto", "no", "bf16"] = "no"
    data: DataPreset
    tokenizer: TokenizerPreset
    dynamics: DynamicsPreset
    chance: ChancePreset = ChancePreset()
    teacher: TeacherPreset
    student: StudentPreset
    export: ExportPreset = ExportPreset()
    adapt: AdaptPreset = AdaptPreset()


def load_preset(
    name: str, world: str, minutes: dict[str, float | None] | None = None, mode: str | None = None
) -> Preset:
    """The preset `name` (one of ours, or a YAML file) with the world's own overrides merged in, and then the time
    budgets of `minutes` ("tokenizer", "dynamics", "teacher", "student") and the student's `mode`. Raises BadInput."""
    path = Path(name) if name.endswith((".yaml", ".yml")) else PRESETS / f"{name}.yaml"
    if not path.is_file():
        known = ", ".join(sorted(entry.stem for entry in PRESETS.glob("*.yaml")))
        raise BadInput(f"{name}: preset: expected a YAML file or one of {known}")
    document = read_yaml(path)
    if not isinstance(document, dict):
        raise BadInput(f"{path}: document: expected a mapping")
    overrides = document.pop("worlds", {}) or {}
    if not isinstance(overrides, dict) or not all(isinstance(entry, dict) for entry in overrides.values()):
        raise BadInput(f"{path}: worlds: expected a mapping of world names to mappings")
    chosen = {"student": {"mode": mode}} if mode is not None else {}
    budgets = {stage: {"stage": {"minutes": value}} for stage, value in (minutes or {}).items() if value is not None}
    try:
        return Preset.model_validate(_merge(_merge(_merge(document, overrides.get(world, {})), budgets), chosen))
    except ValidationError as error:
        raise BadInput(f"{path}: {first_problem(error)}") from error


def _merge(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        mine = merged.get(key)
        merged[key] = _merge(mine, value) if isinstance(value, dict) and isinstance(mine, dict) else value
    return merged

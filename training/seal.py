"""Sealing a checkpoint folder: start frames, then the manifest with the hash of every file, written last.

Owns the folder's making; refuses to overwrite a good one before the new one is whole.
"""

from __future__ import annotations

import hashlib
import io
import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
import yaml

from engine.atomic import write_atomically
from models.actions import Action
from models.dynamics import DynamicsModel
from models.manifest import MANIFEST_NAME, ActionEntry, BadInput, FileEntry, Graphs, Manifest, Provenance
from models.tokenizer import Tokenizer
from training.export import DECODER, ENCODER, PARITY_STEPS, STEP, Sampling, export_graphs
from training.half_parity import check_half
from training.starts import Starts

START_FRAMES, METRICS = "start_frames.npz", "metrics.json"


class Identity(Protocol):
    """What the manifest says of a world beside its networks: a simulated world's class has it all."""

    @property
    def name(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def description(self) -> str: ...
    @property
    def genre(self) -> str: ...
    @property
    def palettes(self) -> dict[str, list[tuple[int, int, int]]]: ...
    @property
    def tick_rate(self) -> int: ...
    @property
    def actions(self) -> tuple[Action, ...]: ...
    @property
    def default_keys(self) -> dict[Action, tuple[str, ...]]: ...
    @property
    def scripts(self) -> dict[str, list[tuple[Action, int]]]: ...


@dataclass(frozen=True)
class Networks:
    """A run's trained networks and how they are sampled from."""

    tokenizer: Tokenizer
    dynamics: DynamicsModel
    sampling: Sampling


def seal(
    networks: Networks,
    world: Identity,
    starts: Starts,
    provenance: Provenance,
    folder: Path,
    half_states: int = 0,
    parity_steps: int = PARITY_STEPS,
) -> Manifest:
    """Export, check and seal into `folder`. The folder appears, or is replaced, only when it is whole and its
    half-precision graph chooses the same tokens from `half_states` states (0: unasked). Raises BadInput."""
    check_replaceable(folder)
    making = folder.with_name(f".{folder.name}.making")
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir(parents=True)
    exported = export_graphs(networks.tokenizer, networks.dynamics, networks.sampling, making, parity_steps)
    write_atomically(making / START_FRAMES, pack_starts(networks.tokenizer, starts))
    config = networks.tokenizer.config
    manifest = Manifest(
        name=world.name,
        title=world.title,
        description=world.description,
        genre=world.genre,
        height=config.height,
        width=config.width,
        pixels=config.pixels,
        palettes=world.palettes,
        tick_rate=world.tick_rate,
        actions=[ActionEntry(action=action, keys=world.default_keys.get(action, ())) for action in world.actions],
        scripts=world.scripts,
        tokens=exported.tokens,
        codebook=exported.codebook,
        state=exported.state,
        graphs=Graphs(encoder=ENCODER, step=STEP, decoder=DECODER),
        start_frames=START_FRAMES,
        cost=exported.cost,
        licence="CC0-1.0",
        provenance=provenance,
        files=file_entries(making, (ENCODER, STEP, DECODER, START_FRAMES)),
    )
    write_manifest(manifest, making)
    if half_states:
        check_half(making, half_states)
    _put_in_place(making, folder)
    return manifest


@torch.no_grad()
def pack_starts(tokenizer: Tokenizer, starts: Starts) -> bytes:
    """The npz of the start frames: tokens [S,C,P], actions [S,C-1], pixels [S,H,W] as the decoder shows the last
    frame."""
    tokens = torch.stack([tokenizer.encode(torch.from_numpy(clip)) for clip in starts.frames])
    pixels = torch.cat([tokenizer.decode(clip[-1:]) for clip in tokens])
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer, tokens=tokens.numpy(), actions=starts.actions, pixels=pixels.numpy(), level_seed=starts.level_seeds
    )
    return buffer.getvalue()


def file_entries(folder: Path, names: Iterable[str]) -> dict[str, FileEntry]:
    """Size and sha256 of each file."""
    contents = {name: (folder / name).read_bytes() for name in names}
    return {
        name: FileEntry(bytes=len(data), sha256=hashlib.sha256(data).hexdigest()) for name, data in contents.items()
    }


def write_manifest(manifest: Manifest, folder: Path) -> None:
    """Write manifest.yaml, always the last file of a folder."""
    text = yaml.safe_dump(manifest.model_dump(mode="json"), sort_keys=False, allow_unicode=True, width=120)
    write_atomically(folder / MANIFEST_NAME, text.encode())


def attach_metrics(folder: Path, manifest: Manifest, metrics: bytes, headline: dict[str, float | None]) -> Manifest:
    """Put metrics.json beside the graphs and its hash and headline into the manifest. The checkpoint's digest stays.

    The folder is made anew beside itself: a kill on the way leaves the old one or the new one.
    """
    making = folder.with_name(f".{folder.name}.making")
    shutil.rmtree(making, ignore_errors=True)
    shutil.copytree(folder, making)
    write_atomically(making / METRICS, metrics)
    files = {**manifest.files, **file_entries(making, [METRICS])}
    updated = manifest.model_copy(update={"metrics": METRICS, "files": files, "headline": headline})
    write_manifest(updated, making)
    _put_in_place(making, folder)
    return updated


def check_replaceable(folder: Path) -> None:
    """Raise BadInput unless `folder` is free to become a checkpoint folder: absent, empty, or one already."""
    if not folder.name:
        raise BadInput(f"{folder}: out: expected a folder with a name of its own")
    if folder.exists() and not (folder.is_dir() and ((folder / MANIFEST_NAME).is_file() or not any(folder.iterdir()))):
        raise BadInput(f"{folder}: out: expected a new or empty folder, or a checkpoint's to replace")


def _put_in_place(making: Path, folder: Path) -> None:
    for path in making.iterdir():
        with path.open("rb+") as file:
            os.fsync(file.fileno())
    old = folder.with_name(f".{folder.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.replace(old)
    making.replace(folder)
    shutil.rmtree(old, ignore_errors=True)

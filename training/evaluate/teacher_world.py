"""A teacher as it is measured: in torch, frame by frame in its passes, with the engine's noise. Owns its play; refuses
to be a backend: a teacher isn't shipped. Needs torch."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from engine.noise import frame_noise
from models.teacher import TeacherModel
from models.tokenizer import Tokenizer
from training.evaluate.footage import Moment, Pictures


class TeacherWorld:
    """A `Playable`, as a checkpoint on a backend is one."""

    def __init__(self, tokenizer: Tokenizer, teacher: TeacherModel, passes: int, min_p: float) -> None:
        self._tokenizer, self._teacher = tokenizer.eval(), teacher.eval()
        self._passes, self._min_p = passes, min_p
        self._picture = torch.zeros(1, *teacher.compositor.size, dtype=torch.uint8)
        self._tokens = torch.zeros(1, tokenizer.tokens, dtype=torch.int64)
        self._state: list[Tensor] = []
        self._rng_seed = self._index = 0
        teacher.settle()

    def begin(self, moment: Moment, rng_seed: int) -> None:
        """See the moment's frames as a session sees its start's context."""
        self._state = self._teacher.initial_state(1)
        self._rng_seed = self._index = 0
        for frame, action in zip(moment.frames[:-1], moment.actions, strict=True):
            self._look(frame)
            self._advance(int(action), torch.zeros(1, 1))
        self._look(moment.frames[-1])
        self._rng_seed = rng_seed

    def step(self, action: int) -> Pictures:
        """The next picture, with the first numbers of the noise that a session would use for it, one a pass."""
        self._index += 1
        noise = frame_noise(self._rng_seed, self._index, self._tokens.shape[1])
        return self._advance(action, torch.from_numpy(noise[None, : self._passes]))

    def observe(self, picture: Pictures) -> float:
        """Go on from the true frame. Returns the share of its tokens that were predicted."""
        predicted = self._tokens
        self._look(picture)
        return float((predicted == self._tokens).float().mean())

    def save(self) -> Any:
        """Rings, newest picture and tokens, place in the noise; a step changes none of these tensors."""
        return list(self._state), self._picture, self._tokens, self._rng_seed, self._index

    def restore(self, saved: Any) -> None:
        """Be as it was at `save`."""
        state, self._picture, self._tokens, self._rng_seed, self._index = saved
        self._state = list(state)

    @torch.no_grad()
    def reconstruct(self, picture: Pictures) -> Pictures:
        """Encoder, then decoder."""
        decoded: Pictures = self._tokenizer.decode(self._tokenizer.encode(torch.from_numpy(picture)[None]))[0].numpy()
        return decoded

    @torch.no_grad()
    def _look(self, picture: Pictures) -> None:
        """Take a true frame for the newest, as its codes show it."""
        self._tokens = self._tokenizer.encode(torch.from_numpy(picture)[None])
        self._picture = self._tokenizer.decode(self._tokens)

    def _advance(self, action: int, noise: Tensor) -> Pictures:
        decided, self._state = self._teacher.decide(
            self._picture[:, None], torch.tensor([[action]]), self._state, noise, self._min_p
        )
        self._picture, self._tokens = decided.picture, decided.tokens
        shown: Pictures = decided.picture[0].numpy()
        return shown

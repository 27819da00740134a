import torch

from models.dynamics import DynamicsConfig, DynamicsModel
from models.patches import cut
from models.teacher import TeacherModel, Told, patch_nats
from training.teacher_stage import begin_as


def _teacher(spread: float = 0.1) -> TeacherModel:
    torch.manual_seed(0)
    config = DynamicsConfig(
        50,
        4,
        (8, 8),
        4,
        5,
        ((0, 0), (0, 2)),
        ((2, 0), (0, 3)),
        match=24,
        pixel_channels=8,
        detail_channels=8,
        token_channels=16,
        trunk_channels=24,
    )
    model = TeacherModel(config)
    model.show(torch.randint(0, 5, (50, 16), dtype=torch.uint8))
    for parameter in model.parameters():  # also those that begin at zero
        torch.nn.init.normal_(parameter, std=spread)
    return model.eval()


def _clip(batch: int, ticks: int, seed: int = 2) -> torch.Tensor:
    return torch.randint(0, 5, (batch, ticks, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))


def _nothing(frames: int) -> torch.Tensor:
    return torch.zeros(frames, 64, dtype=torch.bool)


@torch.no_grad()
def test_a_teacher_begins_by_saying_what_its_model_says() -> None:
    dynamics = DynamicsModel(_teacher().config)
    dynamics.load_state_dict(_teacher().state_dict(), strict=False)
    pictures, actions = _clip(2, 3), torch.zeros(2, 3, dtype=torch.int64)
    known = torch.rand(6, 64) < 0.5
    mine, state = dynamics(pictures, actions, dynamics.initial_state(2))
    theirs, other = begin_as(dynamics).predict(
        pictures, actions, dynamics.initial_state(2), Told(_clip(1, 6)[0], known), torch.zeros(6, 64, 2)
    )
    assert torch.equal(mine.composition.mixture(), theirs.composition.mixture())
    assert all(torch.equal(one, two) for one, two in zip(state, other, strict=True))


@torch.no_grad()
def test_only_what_is_told_reaches_the_answer() -> None:
    model = _teacher()
    pictures, actions = _clip(1, 2), torch.zeros(1, 2, dtype=torch.int64)
    known = torch.arange(64).expand(2, 64) < 10
    one, other = _clip(1, 2, 3)[0], _clip(1, 2, 4)[0]

    def answer(picture: torch.Tensor, told: torch.Tensor) -> torch.Tensor:
        told_ = Told(picture, told)
        return model.predict(pictures, actions, model.initial_state(1), told_)[0].composition.mixture()

    assert torch.equal(answer(one, _nothing(2)), answer(other, _nothing(2)))
    assert not torch.equal(answer(one, known), answer(other, known))
    half = model.put(Told(one, known), other)
    assert torch.equal(answer(one, known), answer(half, known))


@torch.no_grad()
def test_one_pass_decides_as_the_model_draws() -> None:
    model = _teacher()
    pictures, actions = _clip(2, 3), torch.zeros(2, 3, dtype=torch.int64)
    noise = torch.rand(6, 1)
    decided, state = model.decide(pictures, actions, model.initial_state(2), noise, 0.1)
    nothing = Told(pictures.flatten(0, 1), _nothing(6))
    prediction, wanted = model.predict(pictures, actions, model.initial_state(2), nothing)
    tokens, picture, _ = model.draw(prediction, noise.expand(6, 64), 0.1)
    assert torch.equal(decided.tokens, tokens)
    assert torch.equal(decided.picture, picture)
    assert torch.equal(decided.beliefs, prediction.composition.mixture())
    assert all(torch.equal(one, two) for one, two in zip(state, wanted, strict=True))


@torch.no_grad()
def test_what_is_settled_stays_and_all_is_in_the_end() -> None:
    model = _teacher()
    pictures, actions, state = _clip(1, 4), torch.zeros(1, 4, dtype=torch.int64), model.initial_state(1)
    target, known = _clip(1, 4, 5)[0], _nothing(4)
    for left in (3, 2, 1):
        prediction, _ = model.predict(pictures, actions, state, Told(target, known))
        settled = model.settles(prediction, target, known, left)
        assert (settled | ~known).all()
        assert (settled.sum(1) > known.sum(1)).all()
        nats = patch_nats(prediction, target, model.config.patch)
        for new, late in zip((settled & ~known).unbind(), (~settled).unbind(), strict=True):
            frame = nats[0]
            nats = nats[1:]
            assert not late.any() or frame[new].max() <= frame[late].min()
        known = settled
    assert known.all()


@torch.no_grad()
def test_a_patch_keeps_what_it_was_settled_as() -> None:
    model = _teacher(0.3)
    pictures, actions = _clip(1, 3), torch.zeros(1, 3, dtype=torch.int64)
    noise = torch.rand(3, 3)
    first = Told(pictures[0], _nothing(3))
    prediction, _ = model.predict(pictures, actions, model.initial_state(1), first)
    _, picture, _ = model.draw(prediction, noise[:, :1].expand(3, 64), 0.1)
    settled = model.settles(prediction, picture, first.known, 3)
    decided, _ = model.decide(pictures, actions, model.initial_state(1), noise, 0.1)
    assert settled.any() and not settled.all()
    assert torch.equal(cut(decided.picture, 4)[settled], cut(picture, 4)[settled])
    assert torch.equal(decided.beliefs[settled], prediction.composition.mixture()[settled])

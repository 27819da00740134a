from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from engine.measuring.graph_cost import count_cost
from models.dynamics import DynamicsConfig, DynamicsModel
from models.manifest import BadInput
from models.patches import join
from models.tokenizer import Tokenizer, TokenizerConfig
from training.dynamics_stage import pixel_classes
from training.export import DECODER, ENCODER, STEP, Sampling, StepGraph, check_parity, export_graphs

SAMPLING = Sampling(min_p=0.1, shared_noise=False)
SMALL = {"height": 32, "width": 32, "codebook": 40, "dimensions": 16, "decoder_channels": 8, "decoder_blocks": 1}


def _networks(pixels: str) -> tuple[Tokenizer, DynamicsModel]:
    torch.manual_seed(0)
    tokenizer = Tokenizer(TokenizerConfig(pixels=pixels, **SMALL))  # type: ignore[arg-type]
    shape = DynamicsConfig(
        40,
        3,
        (4, 4),
        8,
        32,
        ((0, 0), (0, 1)),
        ((1, 0), (0, 3)),
        match=16,
        pixel_channels=8,
        detail_channels=8,
        token_channels=8,
        trunk_channels=8,
        blocks=2,
    )
    dynamics = DynamicsModel(shape)
    tokenizer.book.random_(0, 256 if pixels == "rgb" else tokenizer.config.colours)
    dynamics.show(pixel_classes(tokenizer))
    for parameter in (*tokenizer.parameters(), *dynamics.parameters()):  # also those that begin at zero
        torch.nn.init.normal_(parameter, std=0.2)
    return tokenizer, dynamics


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The graphs of a small rgb world."""
    folder = tmp_path_factory.mktemp("graphs")
    export_graphs(*_networks("rgb"), SAMPLING, folder)
    return folder


def test_an_rgb_world_exports_and_steps_in_its_own_shapes(exported: Path) -> None:
    graph = ort.InferenceSession(str(exported / STEP))
    shapes = {entry.name: entry.shape for entry in (*graph.get_inputs(), *graph.get_outputs())}
    assert shapes["tokens"] == shapes["noise"] == shapes["next_tokens"] == [1, 16]
    assert shapes["picture"] == [1, 32, 32, 3]
    assert shapes["drawn"] == shapes["next_drawn"] == [1, 16]
    assert shapes["shown"] == shapes["before"] == shapes["next_shown"] == [1, 32, 32]
    assert shapes["ring_0"] == shapes["next_ring_0"] == [1, 2, 8, 2, 2]
    picture = np.zeros((1, 32, 32, 3), np.uint8)
    tokens = ort.InferenceSession(str(exported / ENCODER)).run(None, {"picture": picture})[0]
    again = ort.InferenceSession(str(exported / DECODER)).run(None, {"tokens": tokens})[0]
    assert again.shape == picture.shape
    assert again.dtype == np.uint8


@pytest.mark.parametrize("name", [ENCODER, STEP, DECODER])
def test_graphs_do_not_tell_where_they_were_made(exported: Path, name: str) -> None:
    assert str(Path(__file__).parents[2]).encode() not in (exported / name).read_bytes()


def test_parity_refuses_graphs_of_other_weights(exported: Path) -> None:
    tokenizer, dynamics = _networks("rgb")
    check_parity(tokenizer, StepGraph(tokenizer, dynamics, SAMPLING), exported, 256)
    torch.nn.init.normal_(dynamics.look.weight, std=0.3)
    with pytest.raises(BadInput, match="parity"):
        check_parity(tokenizer, StepGraph(tokenizer, dynamics, SAMPLING), exported, 256)


def test_operations_are_those_that_torch_counts(exported: Path) -> None:
    step = StepGraph(*_networks("rgb"), SAMPLING).eval()
    action, noise = torch.zeros(1, dtype=torch.int64), torch.zeros(1, 16)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        step(torch.zeros(1, 16, dtype=torch.int64), action, noise, *step.initial_state())
    assert count_cost(exported / STEP).operations == counter.get_total_flops()


def test_shared_noise_uses_the_first_number_for_all_tokens() -> None:
    tokenizer, dynamics = _networks("rgb")
    with torch.no_grad():  # no opinion and great doubt: all candidates are about as likely
        dynamics.opinion.weight.zero_()
        dynamics.opinion.bias.zero_()[-1] = 20.0
    own, shared = (StepGraph(tokenizer, dynamics, Sampling(0.0, shared_noise)).eval() for shared_noise in (False, True))
    tokens, action = torch.randint(0, 40, (1, 16)), torch.zeros(1, dtype=torch.int64)
    noise = torch.linspace(0.0, 0.99, 16).unsqueeze(0)
    state = own.initial_state()
    with torch.no_grad():
        first = shared(tokens, action, noise, *state)[0]
        assert torch.equal(first, own(tokens, action, noise[:, :1].expand(1, 16), *state)[0])
        assert not torch.equal(first, own(tokens, action, noise, *state)[0])


def test_outside_the_rows_of_chance_the_likeliest_code_is_taken() -> None:
    tokenizer, dynamics = _networks("rgb")
    with torch.no_grad():
        dynamics.opinion.weight.zero_()
        dynamics.opinion.bias.zero_()[-1] = 6.0
    step = StepGraph(tokenizer, dynamics, Sampling(0.0, True, chance_rows=(3,))).eval()
    tokens, action = torch.randint(0, 40, (1, 16)), torch.zeros(1, dtype=torch.int64)
    with torch.no_grad():
        first, last = (step(tokens, action, torch.full((1, 16), n), *step.initial_state())[0] for n in (0.0, 0.99))
    assert torch.equal(first[:, :12], last[:, :12]) and not torch.equal(first[:, 12:], last[:, 12:])
    with pytest.raises(BadInput, match=r"export\.chance_rows: expected rows below 4, got 4"):
        StepGraph(tokenizer, dynamics, Sampling(0.0, True, chance_rows=(4,)))


def test_what_was_shown_is_seen_again_and_not_what_its_tokens_stand_for() -> None:
    tokenizer, dynamics = _networks("palette")
    step = StepGraph(tokenizer, dynamics, SAMPLING).eval()
    action, noise = torch.zeros(1, dtype=torch.int64), torch.rand(1, 16)
    with torch.no_grad():
        tokens, picture, _, *state = step(torch.randint(0, 40, (1, 16)), action, noise, *step.initial_state())
        assert torch.equal(state[1], picture)
        assert not torch.equal(picture, join(dynamics.book[tokens], (4, 4)))
        assert torch.equal(step(tokens, action, noise, *state)[5], picture)
        other = (tokens + 1) % 40
        assert torch.equal(step(other, action, noise, *state)[5], join(dynamics.book[other], (4, 4)))

from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch

from models.dynamics import DynamicsConfig, DynamicsModel
from models.manifest import BadInput
from models.tokenizer import Tokenizer, TokenizerConfig
from training.dynamics_stage import pixel_classes
from training.export import DECODER, ENCODER, STEP, Sampling, StepGraph, check_parity, count_operations, export_graphs

SAMPLING = Sampling(min_p=0.1, shared_noise=False)
SMALL = {"height": 32, "width": 32, "codebook": 40, "dimensions": 16, "decoder_channels": 8, "decoder_blocks": 1}


def _networks(pixels: str) -> tuple[Tokenizer, DynamicsModel]:
    torch.manual_seed(0)
    tokenizer = Tokenizer(TokenizerConfig(pixels=pixels, **SMALL))  # type: ignore[arg-type]
    shape = DynamicsConfig(
        40, 3, (4, 4), 8, 32, ((0, 0), (0, 1)), ((1, 0), (0, 3)), 16, token_channels=8, trunk_channels=8, blocks=2
    )
    dynamics = DynamicsModel(shape)
    tokenizer.book.random_(0, 256)
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
    assert shapes["before"] == shapes["next_before"] == [1, 1, 16]
    assert shapes["ring_0"] == shapes["next_ring_0"] == [1, 2, 8, 2, 2]
    picture = np.zeros((1, 32, 32, 3), np.uint8)
    tokens = ort.InferenceSession(str(exported / ENCODER)).run(None, {"picture": picture})[0]
    again = ort.InferenceSession(str(exported / DECODER)).run(None, {"tokens": tokens})[0]
    assert again.shape == picture.shape
    assert again.dtype == np.uint8


def test_parity_refuses_graphs_of_other_weights(exported: Path) -> None:
    tokenizer, dynamics = _networks("rgb")
    check_parity(tokenizer, StepGraph(tokenizer, dynamics, SAMPLING), exported, 256)
    torch.nn.init.normal_(dynamics.own, std=0.3)
    with pytest.raises(BadInput, match="parity"):
        check_parity(tokenizer, StepGraph(tokenizer, dynamics, SAMPLING), exported, 256)


def test_operations_are_those_of_the_weights(exported: Path) -> None:
    graph = onnx.load(exported / STEP).graph
    convolutions = [init for init in graph.initializer if len(init.dims) == 4]
    # Each of their weights is used once at each of 4 (trunk) or 16 (token) positions, a product and a sum; those of
    # matrices likewise at 16.
    least = 2 * 4 * sum(int(np.prod(init.dims)) for init in convolutions)
    most = 2 * 16 * sum(int(np.prod(init.dims)) for init in graph.initializer if len(init.dims) in (2, 4))
    assert least < count_operations(exported / STEP) <= most


def test_shared_noise_uses_the_first_number_for_all_tokens() -> None:
    tokenizer, dynamics = _networks("rgb")
    own, shared = (StepGraph(tokenizer, dynamics, Sampling(0.0, shared_noise)).eval() for shared_noise in (False, True))
    tokens, action = torch.randint(0, 40, (1, 16)), torch.zeros(1, dtype=torch.int64)
    noise = torch.rand(1, 16)
    rings = dynamics.initial_state(1)
    with torch.no_grad():
        first = shared(tokens, action, noise, *rings)[0]
        assert torch.equal(first, own(tokens, action, noise[:, :1].expand(1, 16), *rings)[0])
        assert not torch.equal(first, own(tokens, action, noise, *rings)[0])

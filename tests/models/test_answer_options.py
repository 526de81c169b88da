"""Models that write characters: their order, the character before each step, and dropout."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from lane_trainings import MIXED, close, equal, make_trainings, run, state
from lstm_reference import theirs
from tiny import CPU, batch, point, training
from torch import Tensor, nn

from gensweep.core.alphabet import ALPHABET
from gensweep.models._answer_network import AnswerNetwork
from gensweep.nn.dropout import draw_dropout, make_masks
from gensweep.nn.text_head import reverse_answer
from gensweep.train.networks import build_network

NAMES = ("text_to_text", "image_to_text")
ALL: dict[str, Any] = {"order": "reversed", "feed_back": True, "dropout": 0.3}
every_model = pytest.mark.parametrize("name", NAMES)


def network(name: str, **params: Any) -> AnswerNetwork:
    return build_network(point(name, **params).model_config(), 0, CPU)


def write_alone(net: AnswerNetwork, inputs: dict[str, Tensor]) -> Tensor:
    """Answers by PyTorch's LSTM, which carries its state from step to step."""
    reference = theirs(list(net.sequence.decoder))
    last = net.encode(inputs, {})
    previous = torch.zeros(len(last), len(ALPHABET))
    carried, codes = None, []
    for _ in range(3):
        states, carried = reference(torch.cat([last, previous], 1).unsqueeze(0), carried)
        codes.append(net.output(states[0]).argmax(-1))
        previous = nn.functional.one_hot(codes[-1], len(ALPHABET)).float()
    return torch.stack(codes, 1)


@every_model
class TestFeedBack:
    @pytest.mark.parametrize("order", ["plain", "reversed"])
    def test_a_test_sees_the_networks_own_characters(self, name: str, order: str) -> None:
        net, inputs = network(name, feed_back=True, order=order, decoder_layers=2), batch(name, 8)
        with torch.no_grad():
            net.output.weight.mul_(20)
            written = write_alone(net, inputs)
            expected = reverse_answer(written) if order == "reversed" else written
            assert len(expected.unique(dim=0)) > 1
            assert torch.equal(net.evaluate(inputs, {})["predicted"], expected)
            assert torch.equal(net.predict(inputs), expected)

    def test_the_right_answer_does_not_show_in_what_is_predicted(self, name: str) -> None:
        net, inputs = network(name, feed_back=True), batch(name, 8)
        others = inputs | {"answer": inputs["answer"].roll(1, 0)}
        with torch.no_grad():
            one, other = net.evaluate(inputs, {}), net.evaluate(others, {})
        assert torch.equal(one["predicted"], other["predicted"])
        assert not torch.equal(one["loss"], other["loss"])


@every_model
class TestOrder:
    def test_a_reversed_network_sees_reversed_texts(self, name: str) -> None:
        """It equals a plain one that is handed the texts in reverse."""
        plain, turned = network(name), network(name, order="reversed")
        inputs = batch(name, 4)
        reversed_inputs = dict(inputs)
        for field in ("query", "query_pictures"):
            if field in inputs:
                reversed_inputs[field] = inputs[field].flip(1)
        which = "query_pictures/which"
        if which in inputs:
            reversed_inputs[which] = inputs[which].flip(1)
        reversed_inputs["answer"] = reverse_answer(inputs["answer"])
        bare = {"query", "query_pictures", which, "query_pictures/distinct", "answer"}
        reversed_inputs = {key: reversed_inputs[key] for key in bare & reversed_inputs.keys()}
        with torch.no_grad():
            expected, result = plain.evaluate(reversed_inputs, {}), turned.evaluate(inputs, {})
        torch.testing.assert_close(result["loss"], expected["loss"])
        assert torch.equal(result["predicted"], reverse_answer(expected["predicted"]))
        assert torch.equal(result["answer"], inputs["answer"])
        assert torch.equal(result["query"], inputs["query"])


class TestDropout:
    def test_masks_drop_the_share_and_keep_the_mean(self) -> None:
        """Of 400,000 numbers; 5 standard errors of a share of 0.3."""
        noise = draw_dropout(0.3, (1000, 4, 100), torch.Generator().manual_seed(0))
        masks = make_masks(0.3, noise)
        assert masks is not None and masks.shape == (1000, 4, 100)
        dropped = (masks == 0).float().mean().item()
        assert dropped == pytest.approx(0.3, abs=5 * (0.3 * 0.7 / 400_000) ** 0.5)
        assert masks.max().item() == pytest.approx(1 / 0.7)

    @pytest.mark.parametrize("name", [*NAMES, "text_to_image"])
    def test_it_changes_training_alone(self, name: str) -> None:
        net, inputs = network(name, dropout=0.5), batch(name, 4)
        noise = net.draw(4, torch.Generator().manual_seed(0))
        with torch.no_grad():
            dropped, _ = net("model", inputs, noise)
            usual, _ = net("model", inputs, {})
            with_noise, without = net.evaluate(inputs, noise), net.evaluate(inputs, {})
        assert dropped != usual
        assert all(torch.equal(with_noise[key], without[key]) for key in without)


@every_model
class TestAll:
    def test_resumed_equals_never_stopped_bit_for_bit(self, name: str) -> None:
        complete, resumed = (training(name, epochs=2, **ALL) for _ in range(2))
        complete.run_epoch()
        resumed.load_state_dict(state(complete))
        complete.run_epoch()
        resumed.run_epoch()
        assert equal(state(complete), state(resumed)) and complete.test() == resumed.test()

    def test_each_lane_equals_its_point_alone(self, name: str) -> None:
        lanes, alone = (make_trainings(name, MIXED, **ALL) for _ in range(2))
        run(lanes)
        for lane, other in zip(lanes, alone, strict=True):
            run([other])
            close(lane, other)

    def test_neutral_values_are_the_id_of_points_before_the_parameters(self, name: str) -> None:
        neutral = {"order": "plain", "feed_back": False, "dropout": 0.0}
        usual = point(name).id
        assert point(name, **neutral).id == usual
        ids = {point(name, **{key: value}).id for key, value in ALL.items()}
        assert len(ids | {usual}) == 4

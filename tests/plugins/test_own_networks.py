"""A user's network that returns something wrong: the record names its method, its file and its line."""

from __future__ import annotations

from pathlib import Path

from runs import call, records

from gensweep.core.registry import activate_layers

MODEL = '''
import gensweep as gs


@gs.model("odd")
class Odd(gs.Model):
    """Returns something wrong."""

    reads = "pictures"
    default_dataset = "avatars"
    inputs = ("picture",)
    outputs = ("loss",)
    fault: str = gs.param("none", "what goes wrong")
    epochs: int = 1
    batch_size: int = 64

    def build_network(self):
        import torch

        fault = self.fault
        if fault == "no network":
            return None

        class Network(gs.Network):
            def __init__(self, config):
                super().__init__(config)
                self.layer = torch.nn.Linear(8, 1)

            def draw(self, batch_size, rng):
                return None if fault == "no noise" else {}

            def forward(self, player, batch, noise):
                losses = self.layer(batch["picture"][:, 0, 0, :8]).square().mean(1)
                loss = losses.mean()
                if fault == "not a number":
                    loss = loss * float("nan")
                wrong = {
                    "no pair": loss,
                    "no loss": (None, {}),
                    "a loss per example": (losses, {}),
                    "a text to log": (loss, {"loss": "small"}),
                }
                return wrong.get(fault, (loss, {"loss": loss}))

            def evaluate(self, batch, noise):
                losses = batch["picture"].mean((1, 2, 3))
                wrong = {
                    "no outputs": None,
                    "an output less": {},
                    "one output for all": {"loss": losses.mean()},
                    "a text": {"loss": "small"},
                }
                return wrong.get(fault, {"loss": losses})

            def samples(self, batch, noise):
                wrong = {"no samples": None, "samples of text": gs.Samples("text")}
                return wrong.get(fault, gs.Samples(batch["picture"]))

        return Network(self)
'''
MESSAGES = {
    "no network": "build_network of model 'odd', in line 17 of its file, returned None, not a gs",
    "no noise": "draw of model 'odd' returned None, not a dict of tensors by name (odd.py:29)",
    "no pair": "forward of model 'odd' returned a tensor of shape [], not a loss and what to log",
    "no loss": "the loss is None, not a tensor with one number, such as a mean (odd.py:32)",
    "a loss per example": "the loss is a tensor of shape [40], not a tensor with one number",
    "a text to log": "forward of model 'odd': 'loss' to log is 'small', not a tensor",
    "no outputs": "evaluate of model 'odd' returned None, not a dict of tensors",
    "an output less": "evaluate of model 'odd' did not return 'loss', which `outputs` declares",
    "one output for all": "evaluate of model 'odd': 'loss' is of shape []; its first size must be ",
    "a text": "evaluate of model 'odd': 'loss' is 'small', not a tensor (odd.py:45)",
    "no samples": "samples of model 'odd' returned None, not gs.Samples(pictures) (odd.py:55)",
    "samples of text": "samples of model 'odd': the pictures are 'text', not a tensor [N,",
}
SWEEP = """
from gensweep import Grid, Sweep

SWEEP = Sweep("odds", [Grid("odd", fault={faults}, count=50)], uses=["odd.py"])
"""


def test_what_a_network_returns_is_checked(tmp_path: Path) -> None:
    (tmp_path / "odd.py").write_text(MODEL)
    faults = [*MESSAGES, "none", "not a number"]
    (tmp_path / "sweep.py").write_text(SWEEP.format(faults=faults))
    try:
        ended = call(tmp_path / "sweep.py", "--local", "--results", tmp_path / "results")
    finally:
        activate_layers([])
    assert ended.code == 1, ended.error
    by_fault = {record.params["fault"]: record for record in records(tmp_path / "results").values()}
    assert by_fault.pop("none").status == "ok"
    assert by_fault.pop("not a number").status == "diverged"
    errors = {fault: record.error or "" for fault, record in by_fault.items()}
    assert {fault for fault in errors if MESSAGES[fault] not in errors[fault]} == set(), errors

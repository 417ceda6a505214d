"""Weights out of checkpoints as public code bases save them, and none that would run code."""

from __future__ import annotations

import argparse
import pickle
import zipfile
from pathlib import Path

import pytest
import torch
from torch import nn

from gandiag.gate.checkpoints import Drawing, class_labels, generator_source, latents
from gandiag.gate.step import step_of
from gandiag.nets.files import CodeError, check_expansion, kind_of, read_program, read_weights
from gandiag.nets.states import found_state
from gandiag.quality.sources.generators import NESTED

CPU = torch.device("cpu")


class Net(nn.Module):
    """A generator with a buffer, as batch normalisation has."""

    z_dim = 4

    def __init__(self):
        super().__init__()
        self.main = nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 2))

    def forward(self, z):
        return self.main(z)


def state(value, prefix=""):
    return {prefix + name: torch.full_like(tensor, value) for name, tensor in Net().state_dict().items()}


AVERAGE, PLAIN, OTHER = state(2), state(1), {"weight": torch.zeros(3)}
NETWORKS = {**state(1, "generator."), **{f"discriminator.{k}": v for k, v in OTHER.items()}}
LIST = [torch.full_like(p, 2) for p in Net().parameters()]


@pytest.mark.parametrize(
    ("content", "where", "value"),
    [
        (PLAIN, "", 1),
        ({"g": PLAIN, "d": OTHER, "g_ema": AVERAGE, "g_optim": {"lr": 1}}, "g_ema", 2),  # rosinality
        ({"netG": PLAIN, "netD": OTHER, "epoch": 3}, "netG", 1),
        ({"params": PLAIN, "params_ema": AVERAGE}, "params_ema", 2),  # BasicSR
        ({"state_dict": NETWORKS, "epoch": 1}, "state_dict.generator", 1),  # Lightning
        ({"model": {"generator": state(1, "module.")}, "iteration": 5}, "model.generator", 1),
        ({"ema_model": {**state(2, "module."), "n_averaged": torch.tensor(7)}, "model": PLAIN}, "ema_model", 2),
        (state(1, "_orig_mod."), "", 1),
        (state(1, "module._orig_mod."), "", 1),
        ({"GAN": {**state(1, "G."), **state(2, "GE."), "D.w": torch.zeros(1)}}, "GAN.GE", 2),  # lucidrains
    ],
)
def test_the_generator_is_found_where_code_bases_keep_it(content, where, value):
    """An average before the weights in training, below keys and prefixes, behind what wrappers add."""
    found = found_state(Net(), content, "here", NESTED)
    assert found.where == where
    assert set(found.state) == set(Net().state_dict())
    assert all(bool((tensor == value).all()) for tensor in found.state.values())


def test_a_list_of_tensors_is_an_average_in_the_order_of_parameters():
    """As FastGAN keeps it: buffers come from the weights beside it."""
    found = found_state(Net(), {"g": PLAIN, "d": OTHER, "g_ema": LIST}, "here", NESTED)
    assert found.where == "g_ema"
    values = {name: float(tensor.float().mean()) for name, tensor in found.state.items()}
    assert values["main.0.weight"] == 2
    assert values["main.1.running_var"] == 1


def test_a_key_says_where():
    """Also a prefix within one state dict; one that is not there is told with what is."""
    content = {"net": {"a": PLAIN, "b": AVERAGE}, "all": NETWORKS}
    assert float(found_state(Net(), content, "x", NESTED, "net.b").state["main.0.bias"][0]) == 2
    assert found_state(Net(), content, "x", NESTED, "all.generator").where == "all.generator"
    with pytest.raises(ValueError, match=r"x: holds nothing under the key 'ema'; found net, all"):
        found_state(Net(), content, "x", NESTED, "ema")


def test_kinds_are_told_by_content(tmp_path):
    """Whatever the name says; a file that is none of them is refused."""
    from safetensors.torch import save_file

    torch.save(PLAIN, tmp_path / "weights")
    torch.save(PLAIN, tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    save_file(PLAIN, tmp_path / "other.pt")
    (tmp_path / "text.pth").write_text("hello")
    kinds = [kind_of(tmp_path / name) for name in ("weights", "old.pt", "other.pt", "text.pth")]
    assert kinds == ["torch", "torch", "safetensors", "other"]
    for name in ("weights", "old.pt", "other.pt"):
        assert set(read_weights(tmp_path / name)) == set(PLAIN)
    with pytest.raises(ValueError, match=r"neither of torch\.save nor of safetensors"):
        read_weights(tmp_path / "text.pth")
    (tmp_path / "torn.pt").write_bytes((tmp_path / "weights").read_bytes()[:-200])
    for name, said in (("text.pth", "is neither a checkpoint"), ("torn.pt", "is cut short or damaged")):
        with pytest.raises(ValueError, match=said):
            generator_source(tmp_path / name, Drawing(device=CPU))


def test_weights_of_a_larger_network_are_refused_with_what_is_unknown():
    """And without the names that are missing, of which there are none."""
    larger = {f"g.{name}": value for name, value in (PLAIN | OTHER).items()}
    with pytest.raises(ValueError, match=r"of Net: names under g that it does not have: weight$"):
        found_state(Net(), larger, "x", NESTED)


class Bomb:
    """What a pickle must not run."""

    def __reduce__(self):
        return (Path.touch, (Path("boom"),))


def test_a_pickle_that_wants_code_is_refused_with_how_to_convert_it(tmp_path, monkeypatch):
    """No code runs; trust is the only way round, and then it does."""
    monkeypatch.chdir(tmp_path)
    torch.save({"g_ema": PLAIN, "args": Bomb()}, "bomb.pt")
    with pytest.raises(CodeError, match=r"bomb\.pt: holds Python objects.*torch\.save\(torch\.load.*--trust"):
        read_weights(Path("bomb.pt"))
    Path("raw.pkl").write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(ValueError, match=r"raw\.pkl"):
        read_weights(Path("raw.pkl"))
    assert not Path("boom").exists()
    torch.save({"g_ema": PLAIN, "args": argparse.Namespace(lr=1)}, "args.pt")
    with pytest.raises(CodeError, match=r"argparse\.Namespace"):
        read_weights(Path("args.pt"))
    assert set(read_weights(Path("args.pt"), trust=True)["g_ema"]) == set(PLAIN)


def test_what_would_expand_without_end_is_refused(tmp_path):
    """Before anything is unpacked."""
    with zipfile.ZipFile(tmp_path / "bomb.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("images.npy", bytes(50_000_000))
    with pytest.raises(ValueError, match=r"images\.npy would expand from [\d,]+ to 50,000,000 bytes"):
        check_expansion(tmp_path / "bomb.npz")
    with pytest.raises(ValueError, match="more than the 1,000 that are allowed"):
        check_expansion(tmp_path / "bomb.npz", most=1000)


@pytest.mark.filterwarnings("ignore")
def test_a_program_that_holds_code_is_refused(world, tmp_path):
    """Pickled inputs, pickled weights, shapes that are no arithmetic: looked for before torch would run them."""

    def changed(name, change):
        with zipfile.ZipFile(world / "collapsed.pt2") as old, zipfile.ZipFile(tmp_path / name, "w") as new:
            for entry in old.namelist():
                new.writestr(entry, change(entry, old.read(entry)))
        return tmp_path / name

    evil = pickle.dumps(Bomb())
    inputs = changed("inputs.pt2", lambda entry, content: evil if "sample_inputs" in entry else content)
    weights = changed("w.pt2", lambda _, content: content.replace(b'"use_pickle": false', b'"use_pickle": true', 1))
    shape = b'"expr_str": "__import__(\'os\').getpid()"'
    symbols = changed(
        "s.pt2", lambda entry, content: content[:-1] + b', "x": {' + shape + b"}}" if "models/" in entry else content
    )
    for path, part in ((inputs, "sample inputs"), (weights, "pickled objects"), (symbols, "no arithmetic")):
        with pytest.raises(CodeError, match=part):
            read_program(path)
    assert not Path("boom").exists()


def test_a_discriminator_is_called_one(tmp_path):
    """Where the weights do not fit and the name says so."""
    torch.save(OTHER, tmp_path / "netD_epoch_3.pth")
    drawing = Drawing(factory=Net, device=CPU)
    with pytest.raises(ValueError, match="its name says that it is the discriminator"):
        generator_source(tmp_path / "netD_epoch_3.pth", drawing)


def test_samples_follow_the_seed_and_the_labels(tmp_path):
    """The same whatever the batch size begins with; classes in equal numbers, asked for in turn."""
    torch.save(PLAIN, tmp_path / "g.pt")
    source, notes = generator_source(tmp_path / "g.pt", Drawing(factory=Net, n=64, seed=3, device=CPU))
    again, _ = generator_source(tmp_path / "g.pt", Drawing(factory=Net, n=64, seed=3, device=CPU))
    assert torch.equal(next(source.batches(32)), next(again.batches(32)))
    assert notes == ["weights: the whole file"]
    assert class_labels("uniform:10", 100, 0).bincount().tolist() == [10] * 10


def test_latents_are_what_is_asked_for():
    """Laws and shapes; anything else in one sentence."""
    assert latents("normal:100,1,1")(3).shape == (3, 100, 1, 1)
    uniform = latents("uniform:5")(1000)
    assert -1 <= float(uniform.min()) < -0.9
    assert 0.9 < float(uniform.max()) <= 1
    for wrong in ("128", "normal:", "normal:0", "cauchy:3", "normal:100000,100000"):
        with pytest.raises(ValueError, match="--latent: found"):
            latents(wrong)
    with pytest.raises(ValueError, match="--labels: found 'uniform:0'"):
        class_labels("uniform:0", 10, 0)


@pytest.mark.parametrize(
    ("name", "step"),
    [
        ("ckpt_004000.pt", 4000),
        ("network-snapshot-002400.pkl", 2400),
        ("g-epoch=3-step=1200.ckpt", 1200),
        ("netG_epoch_7.pth", 7),
        ("50000_net_G.pth", 50000),
        ("model_12.pt", 12),
        ("generator", None),
    ],
)
def test_a_name_carries_the_step(name, step):
    """As code bases write it."""
    assert step_of(Path(name))[0] == step

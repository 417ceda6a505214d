"""What holds for all adapters: nothing is imported before it is needed, and what is missing is named."""

from __future__ import annotations

import importlib.util
import subprocess
import sys

import pytest
import torch

from gandiag.integrations.common import scalars


def test_importing_gandiag_imports_no_framework():
    """Not even the folder of adapters does."""
    code = "import gandiag, gandiag.integrations, sys; print([m for m in sys.argv[1:] if m in sys.modules])"
    names = ["lightning", "pytorch_lightning", "ignite", "accelerate", "torch"]
    done = subprocess.run([sys.executable, "-c", code, *names], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("name", "missing"),
    [
        ("lightning", ("lightning.pytorch", "pytorch_lightning")),
        ("ignite", ("ignite.engine",)),
        ("accelerate", ("accelerate.tracking",)),
    ],
)
def test_a_framework_that_is_not_installed_is_named_with_its_extra(name, missing, monkeypatch):
    """One sentence that says what to install."""
    for module in missing:
        monkeypatch.setitem(sys.modules, module, None)
    spec = importlib.util.find_spec(f"gandiag.integrations.{name}")
    fresh = importlib.util.spec_from_file_location("fresh", spec.origin)
    with pytest.raises(ImportError, match=rf"pip install 'gandiag\[{name}\]'"):
        fresh.loader.exec_module(importlib.util.module_from_spec(fresh))


def test_lightning_under_its_old_name_will_do(monkeypatch):
    """Where only pytorch_lightning is installed, its callback is the base."""
    monkeypatch.setitem(sys.modules, "lightning.pytorch", None)
    spec = importlib.util.find_spec("gandiag.integrations.lightning")
    fresh = importlib.util.spec_from_file_location("fresh", spec.origin)
    module = importlib.util.module_from_spec(fresh)
    fresh.loader.exec_module(module)
    assert module.GandiagCallback.__base__.__module__.startswith("pytorch_lightning")


def test_only_scalars_are_logged():
    """Of a tensor of one element, a number and an image, the first two."""
    found = scalars({"a": torch.ones(1), "b": 2, "images": torch.zeros(2, 1, 4, 4), "text": "x", "none": None})
    assert list(found) == ["a", "b"]
    assert scalars(None) == {}

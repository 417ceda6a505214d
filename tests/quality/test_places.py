"""Every place of docs/samples.md: the images as they are, or the sentence that the page quotes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from places.cases import IMAGES, LABELS, PLACES, outcome
from places.table import PAGE, render

if TYPE_CHECKING:
    from pathlib import Path

REFUSED = ("tar_gz", "npz_of_several", "pickle_file", "one_image", "endless", "stream")


@pytest.mark.parametrize("name", PLACES)
def test_a_place_gives_its_images_or_a_sentence(name: str, tmp_path: Path) -> None:
    """In order, with their classes where the place has them."""
    images, labels, said = outcome(name, tmp_path)
    if name in REFUSED:
        assert images is None
        assert said
        return
    expected = IMAGES[:, :1] if name == "idx" else IMAGES
    assert images is not None, said
    assert torch.equal(images, torch.from_numpy(expected))
    if PLACES[name].labels:
        assert labels == ([index * 3 // 11 for index in range(11)] if name == "folder_per_class" else LABELS)


def test_the_page_is_what_the_places_give() -> None:
    """Regenerate it with `cd tests && python -m places.table`."""
    assert PAGE.read_text(encoding="utf-8") == render()

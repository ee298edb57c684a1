"""What the tests of the recipes share."""

import os
import sys

import pytest

torch = pytest.importorskip("torch", reason="training needs torch: pip install 'patchskip[train]'")
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
pytest.register_assert_rewrite("recipe_support")

from patchskip.training.recipes import trainer  # noqa: E402

torch.set_num_threads(1)  # more of them wait for each other when the machine is busy


@pytest.fixture
def starting(tmp_path, monkeypatch):
    """starting(a recipe's main, words) -> train(*more words, output=folder) -> exit status. Every 2 steps are saved."""
    monkeypatch.setattr(trainer, "EVERY", 2)

    def train_of(main, words):
        return lambda *more, output="out": main([*words.split(), "-o", str(tmp_path / output), *more])

    return train_of

"""What the tests of trainings share."""

import contextlib

import pytest


@pytest.fixture
def interrupting(monkeypatch):
    """`with interrupting():` a training ends as by Ctrl-C right behind its first checkpoint."""
    from patchskip.training import checkpoint

    save = checkpoint.save

    def interrupted(*arguments):
        save(*arguments)
        raise KeyboardInterrupt

    @contextlib.contextmanager
    def context():
        with monkeypatch.context() as once:
            once.setattr(checkpoint, "save", interrupted)
            yield

    return context

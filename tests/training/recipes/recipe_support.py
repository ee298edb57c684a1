"""What every recipe's command does, whatever it trains."""

import torch

from patchskip.training import checkpoint


class AnyRecipe:
    """A recipe's test file has a class of it. name: of the backbone; loss: the recipe's class. The file's fixture
    `train` makes 4 steps, and a checkpoint every 2."""

    name: str
    loss: type

    def test_interrupted(self, train, tmp_path, monkeypatch, capsys):
        assert train(output="whole") == 0
        save = checkpoint.save

        def interrupted(*arguments):
            save(*arguments)
            raise KeyboardInterrupt

        with monkeypatch.context() as once:
            once.setattr(checkpoint, "save", interrupted)
            assert train() == 130
        assert not (tmp_path / "out" / f"{self.name}.pth").exists()
        assert train() == 0 and "going on after step 2 of 4" in capsys.readouterr().out
        for ending in ("pth", "json"):
            one, whole = ((tmp_path / name / f"{self.name}.{ending}").read_bytes() for name in ("out", "whole"))
            assert one == whole

    def test_the_seed(self, train, tmp_path):
        assert train("--steps", "1") == train("--steps", "1", "--seed", "1", output="other") == 0
        one, other = (torch.load(tmp_path / name / f"{self.name}.pth") for name in ("out", "other"))
        assert not all(torch.equal(value, other[name]) for name, value in one.items())

    def test_a_loss_that_is_not_a_number(self, train, tmp_path, monkeypatch, capsys):
        terms, calls = self.loss.forward, []

        def broken(self, *arguments):
            calls.append(1)
            return {
                name: value * (float("nan") if len(calls) > 3 else 1) for name, value in terms(self, *arguments).items()
            }

        monkeypatch.setattr(self.loss, "forward", broken)
        assert train() == 1
        assert "the loss of step 4 is not a number" in capsys.readouterr().err
        assert not (tmp_path / "out" / f"{self.name}.pth").exists()
        assert torch.load(tmp_path / "out" / f"{self.name}.pt")["state"]["done"] == 2

"""What every ``Checkpoints`` engine must do."""

from abc import ABC, abstractmethod
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from wattmark.core.errors import RuleViolated
from wattmark.ledger.ports import Checkpoints


class CheckpointsSuite(ABC):
    """Subclass it in a test module and say how the engine is opened."""

    @abstractmethod
    def open(self, folder: Path) -> Checkpoints:
        """Open the store that lives in ``folder``, the same one each time."""

    def test_a_new_store_holds_none(self, tmp_path: Path) -> None:
        """Before the first checkpoint."""
        assert self.open(tmp_path).load() is None

    def test_a_swap_is_there_after_opening_anew(self, tmp_path: Path) -> None:
        """Signatures hold an em dash, so the text is not ASCII."""
        first, second = "one \u2014 1\n", "two \u2014 2\n"
        self.open(tmp_path).compare_and_swap(None, first)
        assert self.open(tmp_path).load() == first
        self.open(tmp_path).compare_and_swap(first, second)
        assert self.open(tmp_path).load() == second

    @pytest.mark.parametrize("old", [None, "another", "first\n\n"])
    def test_a_swap_of_something_else_is_refused(self, tmp_path: Path, old: str | None) -> None:
        """And changes nothing."""
        store = self.open(tmp_path)
        store.compare_and_swap(None, "first\n")
        with pytest.raises(RuleViolated) as refusal:
            store.compare_and_swap(old, "second\n")
        assert refusal.value.code == "CHECKPOINT_CHANGED"
        assert store.load() == "first\n"

    def test_an_empty_store_refuses_a_swap_of_something(self, tmp_path: Path) -> None:
        """A store that was lost is noticed."""
        store = self.open(tmp_path)
        with pytest.raises(RuleViolated):
            store.compare_and_swap("first\n", "second\n")
        assert store.load() is None

    def test_of_many_swaps_at_once_one_wins(self, tmp_path: Path) -> None:
        """Two signers can never both go on from the same checkpoint."""

        def swap(name: int) -> bool:
            try:
                self.open(tmp_path).compare_and_swap(None, f"{name}\n")
            except RuleViolated:
                return False
            return True

        with ThreadPoolExecutor(max_workers=8) as pool:
            won = list(pool.map(swap, range(16)))
        assert won.count(True) == 1
        assert self.open(tmp_path).load() == f"{won.index(True)}\n"

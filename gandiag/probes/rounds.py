"""Where one step ends and the next begins: a step is one update of the generator, by all of its optimizers."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Set as AbstractSet


class Rounds:
    """Groups optimizer steps into rounds, of which each ends one step.

    In a loop that updates D first, a step ends as soon as the last of the generator's optimizers has stepped. In a
    loop that updates G first it stays open for the updates of D that follow, until G's next one.
    """

    def __init__(self, end: Callable[[], None], reopen: Callable[[], bool]) -> None:
        self._end, self._reopen = end, reopen
        self._members: set[int] = set()  # optimizers of the generator, by id
        self._done: set[int] = set()  # those that have stepped in this round
        self._updated: AbstractSet[int] = frozenset()  # ids of the parameters they updated, in this round or the last
        self._replaced: set[int] = set()  # optimizers in whose place others updated the same weights
        self._of_both: set[int] = set()  # those that update D as well
        self._generator_first: bool | None = None

    def before(self, optimizer: int, generator: AbstractSet[int], *, discriminator: bool) -> None:
        """An optimizer is about to update the parameters `generator` (ids), or only D's."""
        if self._generator_first is None:
            self._generator_first = bool(generator) and not discriminator
        if not generator:
            return
        if discriminator:
            self._of_both.add(optimizer)
        if optimizer not in self._members:
            self._welcome(optimizer, generator)
        elif optimizer in self._done:  # again: whoever else belonged to the round does not come
            self._members = set(self._done)
            self._finish()
        self._updated = self._updated | generator if self._done else generator

    def _welcome(self, optimizer: int, generator: AbstractSet[int]) -> None:
        """Take in an optimizer met for the first time: into the round that just ended if it updates other weights.

        One that updates the same weights is a replacement, unless the one that it replaced comes again, and one of them
        is G's own: then a round has both, as of InfoGAN, which updates G by a loss of both networks, too.
        """
        if self._updated & generator:
            if optimizer not in self._replaced or self._members | {optimizer} <= self._of_both:
                self._replaced |= self._members
                self._members.clear()
            if self._done:
                self._finish()
        elif self._members and not self._done and self._reopen():
            self._done = set(self._members)
        self._members.add(optimizer)

    def after(self, optimizer: int, generator: AbstractSet[int]) -> None:
        """The optimizer has stepped."""
        if not generator:
            return
        self._done.add(optimizer)
        if self._done >= self._members and not self._generator_first:
            self._finish()

    @property
    def begun(self) -> bool:
        """Whether an optimizer of the game has come; then those that update D alone need not be told of."""
        return self._generator_first is not None

    @property
    def without_generator(self) -> bool:
        """Whether no optimizer has updated the generator so far."""
        return not self._members

    def close(self) -> None:
        """End a step that was kept open."""
        if self._done:
            self._finish()

    def _finish(self) -> None:
        self._done.clear()
        self._end()

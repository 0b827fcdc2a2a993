"""A small, fully specified random generator, so that a seed means the same in any process."""

from typing import Final

_MASK: Final = (1 << 64) - 1


def mix(value: int) -> int:
    """Scramble 64 bits (SplitMix64's finaliser): neighbouring inputs give unrelated outputs."""
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _MASK
    return value ^ (value >> 31)


class Rng:
    """SplitMix64: its whole state is one 64-bit number, which a checkpoint can carry."""

    __slots__ = ("state",)

    def __init__(self, seed: int) -> None:
        self.state = seed & _MASK

    def next(self) -> int:
        """The next 64 random bits."""
        self.state = (self.state + 0x9E3779B97F4A7C15) & _MASK
        return mix(self.state)

    def below(self, limit: int) -> int:
        """A number from 0 to limit - 1; the bias is under limit / 2**64."""
        return (self.next() * limit) >> 64

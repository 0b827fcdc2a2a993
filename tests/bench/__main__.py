"""All benchmarks, one after the other: `make bench`, or `python -m tests.bench load` for one."""

import subprocess
import sys

BENCHES = {
    "rules": "ticks of Snek without anything around them",
    "persist": "lives from the outbox into the database",
    "fanout": "three thousand sockets on one web process",
    "game": "thousands of players in one room",
    "storm": "a thousand players who come at once",
    "hostile": "players beside clients that behave badly",
    "engine": "a tick of five thousand players",
    "load": "two hundred players on one web process",
    "page": "what the game page costs a browser",
    "console": "what the operator's page costs, and how fresh it is",
}


def main() -> int:
    """Run the benchmarks that were named, else all; each is a process of its own."""
    names = sys.argv[1:] or list(BENCHES)
    if unknown := set(names) - set(BENCHES):
        print(
            f"No benchmark is called {', '.join(sorted(unknown))}. There are: {', '.join(BENCHES)}"
        )
        return 2
    failed = 0
    for name in names:
        print(f"== {name}: {BENCHES[name]}", flush=True)
        failed |= subprocess.run(
            [sys.executable, "-m", f"tests.bench.{name}"], check=False
        ).returncode
    return failed


if __name__ == "__main__":
    sys.exit(main())

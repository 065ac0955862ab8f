"""What a file may make of a reader: ``knowledge.apart`` runs these in its process."""

import os
import sys
import time
from collections.abc import Sequence


def main(arguments: Sequence[str]) -> None:
    match arguments:
        case ["say", *words]:
            print(*words, sep="\n")
        case ["environment", name]:
            print(os.environ.get(name, "nothing"))
        case ["eat"]:
            eaten = []
            while True:
                eaten.append(bytes(16 * 1024**2))
        case ["spin"]:
            while True:
                pass
        case ["talk"]:
            while True:
                print("x" * 1000)
        case ["one line"]:
            sys.stdout.write("x" * 8 * 1024**2)
        case ["sleep"]:
            print(os.getpid(), flush=True)
            time.sleep(600)
        case _:
            raise ValueError(arguments)

"""The permit of the example before, read from TOML: the same value, and a bad definition names every fault."""

from __future__ import annotations

import runpy
from pathlib import Path

from stagegate import DefinitionError, load_process

HERE = Path(__file__).parent
DEFINITION = HERE / "03_toml_process.toml"


def main() -> None:
    """Compare the two permits, then break one of them in seven places."""
    before = runpy.run_path(str(HERE / "02_own_process.py"))
    # A definition is data. What has to be computed is a Python function, which the definition names and is given.
    predicates = [before["fee_paid"]]

    permit = load_process(DEFINITION, requirements=predicates)
    print("From Python:", before["PERMIT"].digest[:16])
    print("From TOML:  ", permit.digest[:16])
    print("Equal:", permit == before["PERMIT"])

    broken = (
        DEFINITION.read_text(encoding="utf-8")
        .replace('version = "2026.1"', "version = 2026.1")
        .replace('ja = "調査許可"', 'jp = "調査許可"')
        .replace("fee.paid", "fee.payed")
        .replace('back_to = "application"', 'back_to = "issued"')
        .replace('not_by = "proposer"', 'not_by = "reviewer"')
        .replace("signed_by = 1", "signed_by = 0")
        .replace('stages = "issued"', 'stage = "issued"')
    )
    try:
        load_process(broken, requirements=predicates)
    except DefinitionError as error:
        print(f"\n{len(error.faults)} faults:")
        for path, sentence in error.faults:
            print(f"  {path}: {sentence}")


if __name__ == "__main__":
    main()

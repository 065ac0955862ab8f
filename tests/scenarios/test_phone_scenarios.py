"""Forty calls on a virtual clock: the real node, gateway, desk and core; see ``phone/*.yaml``."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.scenarios.caller import Caller
from tests.scenarios.held_time import HeldLoop, database_in_no_time
from tests.scenarios.house import House
from tests.scenarios.script import Scenario, all_scenarios

SCENARIOS = all_scenarios()

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner(loop_factory=HeldLoop) as runner:
        yield runner


@pytest.fixture(scope="module")
def house(runner: asyncio.Runner, tmp_path_factory: pytest.TempPathFactory, migrated: Path) -> Iterator[House]:
    loop = runner.get_loop()
    assert isinstance(loop, HeldLoop)
    folder = tmp_path_factory.mktemp("scenarios")

    async def begin() -> House:
        return await House(loop, folder, migrated).__aenter__()

    with database_in_no_time(loop):
        house = runner.run(begin())
        yield house
        runner.run(house.__aexit__())


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS)
def test_scenario(runner: asyncio.Runner, house: House, scenario: Scenario) -> None:
    async def call() -> None:
        await Caller(house, scenario).run()

    runner.run(call())


def test_there_are_forty_and_twelve_of_them_are_also_real() -> None:
    assert len(SCENARIOS) >= 40
    assert sum(scenario.real for scenario in SCENARIOS.values()) >= 12

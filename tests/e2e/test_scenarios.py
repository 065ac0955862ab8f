"""Twelve of the phone's scenarios as real calls, all at once: SIP, RTP, recogniser, Rasa, store. See ``tests/scenarios``."""

import asyncio

import pytest

from ivr.phones.operator_view import OperatorView
from ivr.speech.voice import Voice
from tests.e2e.instance import Hotline
from tests.scenarios.real_caller import RealCaller, sounds_of
from tests.scenarios.script import Scenario, all_scenarios

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.alone, pytest.mark.timeout(240)]

REAL = {name: scenario for name, scenario in all_scenarios().items() if scenario.real}


async def _all_at_once(hotline: Hotline) -> dict[str, str]:
    """Make all calls; what went wrong, by scenario."""
    token = (hotline.data / "secrets" / "operator").read_text(encoding="ascii").strip()
    async with Voice("caller") as voice:
        sounds = {name: await sounds_of(scenario, voice) for name, scenario in REAL.items()}
    failed: dict[str, str] = {}

    async def one(number: int, name: str, scenario: Scenario) -> None:
        own = scenario.model_copy(update={"number": f"138000002{number:02}"}) if scenario.number else scenario
        async with OperatorView(int(hotline.setting("operator_port")), token) as operator:
            try:
                await RealCaller(own, sounds[name], hotline.sip, operator).run()
            except AssertionError as error:
                failed[name] = str(error)

    await asyncio.gather(*(one(number, name, scenario) for number, (name, scenario) in enumerate(REAL.items())))
    return failed


def test_twelve_real_calls_at_once(hotline: Hotline) -> None:
    assert len(REAL) >= 12
    assert asyncio.run(_all_at_once(hotline)) == {}

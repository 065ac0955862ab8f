"""What ``bench media`` measures, in a process of its own: a telephone that answers every call, speaks and listens.

``python -m benchmarks.media_server hotline|pyvoip PORT REGISTRAR_PORT``; ends with its standard input. ``hotline`` is the
node's own endpoint and media, ``pyvoip`` is pyVoIP as it comes, used as its documentation shows. Both say the same
sound without a pause and read what they hear.
"""

import asyncio
import math
import sys
import warnings
from typing import Any, Final

from ivr.sip.aiosipua_endpoint import AiosipuaEndpoint
from ivr.sip.contract import CallLeg

_PYVOIP_PORTS: Final = (24_000, 27_999)
_SOUND_S: Final = 240


def _tone_16() -> bytes:
    second = [round(6000 * math.sin(2 * math.pi * 440 * n / 8000)) for n in range(8000)]
    return b"".join(value.to_bytes(2, "little", signed=True) for value in second)


def _tone_8() -> bytes:
    return bytes(128 + round(24 * math.sin(2 * math.pi * 440 * n / 8000)) for n in range(8000))


async def _talk(leg: CallLeg, sound: bytes) -> None:
    await leg.answer()
    leg.play(sound)
    async for _ in leg.frames():
        pass


async def _hotline(port: int) -> None:
    sound = _tone_16() * _SOUND_S
    endpoint = AiosipuaEndpoint("127.0.0.1", port)
    endpoint.on_call(lambda leg: _talk(leg, sound))
    await endpoint.start()
    await asyncio.to_thread(sys.stdin.read)
    await endpoint.stop()


def _pyvoip(port: int, registrar_port: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pyVoIP.VoIP import CallState, VoIPPhone

    sound = _tone_8() * _SOUND_S

    def talk(call: Any) -> None:
        call.answer()
        call.write_audio(sound)
        while call.state == CallState.ANSWERED:
            call.read_audio(160)

    phone = VoIPPhone(
        "127.0.0.1",
        registrar_port,
        "bench",
        "",
        myIP="127.0.0.1",
        callCallback=talk,
        sipPort=port,
        rtpPortLow=_PYVOIP_PORTS[0],
        rtpPortHigh=_PYVOIP_PORTS[1],
    )
    phone.start()
    sys.stdin.read()
    phone.stop()


def main() -> None:
    """Entry point of the process."""
    stack, port, registrar_port = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    if stack == "pyvoip":
        _pyvoip(port, registrar_port)
    else:
        asyncio.run(_hotline(port))


if __name__ == "__main__":
    main()

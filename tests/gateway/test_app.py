"""The process itself: it starts, answers, and ends in order."""

import asyncio
import os
import signal
import socket
import sys
from pathlib import Path

import aiohttp
import pytest

from config.settings import ROOT, Settings


def free_ports(count: int) -> list[int]:
    holders = [socket.socket() for _ in range(count)]
    for holder in holders:
        holder.bind(("127.0.0.1", 0))
    ports = [int(holder.getsockname()[1]) for holder in holders]
    for holder in holders:
        holder.close()
    return ports


async def start(folder: Path, ports: list[int]) -> asyncio.subprocess.Process:
    names = ("WEB", "OPERATOR", "NODE", "RASA")
    environment = {**os.environ, "HOTLINE_DATA_DIR": str(folder)}
    environment |= {f"HOTLINE_{name}_PORT": str(port) for name, port in zip(names, ports, strict=True)}
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway.app", cwd=ROOT, env=environment, stderr=asyncio.subprocess.PIPE
    )


@pytest.mark.slow
async def test_it_answers_for_itself_and_ends_on_sigterm(tmp_path: Path) -> None:
    ports = free_ports(4)
    process = await start(tmp_path, ports)
    headers = {"Authorization": f"Bearer {Settings(data_dir=tmp_path).secret('operator')}"}
    try:
        async with aiohttp.ClientSession(headers=headers) as session, asyncio.timeout(90):
            status = 0
            while status != 200:
                await asyncio.sleep(0.2)
                try:
                    async with session.get(f"http://127.0.0.1:{ports[1]}/health") as answer:
                        status, found = answer.status, await answer.json()
                except aiohttp.ClientError:
                    continue
        assert found["checks"]["dialog"]["detail"].startswith("fallback")
        assert set(found["degraded"]) == {"redis", "nodes"}
    finally:
        process.send_signal(signal.SIGTERM)
        _, errors = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 0, errors.decode()
    assert b"Traceback" not in errors
    assert b"never" not in errors


@pytest.mark.slow
async def test_a_port_that_is_taken_is_explained(tmp_path: Path) -> None:
    ports = free_ports(4)
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", ports[0]))
        holder.listen()
        process = await start(tmp_path, ports)
        _, errors = await asyncio.wait_for(process.communicate(), 90)
    assert process.returncode == 1
    assert "端口被占用" in errors.decode()

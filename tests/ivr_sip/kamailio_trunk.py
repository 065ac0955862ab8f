"""A trunk as an operator runs it: Kamailio that wants registration, challenges calls, and stays in their route."""

import asyncio
import socket
from pathlib import Path

from ivr.health import answers_options

DOMAIN, PASSWORD = "ims.example", "中继口令-7"

CONFIG = """#!KAMAILIO
children=1
disable_tcp=yes
auto_aliases=no
log_stderror=yes
debug=-1
listen=udp:127.0.0.1:{port}
loadmodule "sl.so"
loadmodule "tm.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "auth.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
loadmodule "textops.so"
loadmodule "siputils.so"
modparam("auth", "nonce_expire", 1)
modparam("auth", "qop", "auth")
request_route {{
    if (is_method("OPTIONS")) {{
        sl_send_reply("200", "OK");
        exit;
    }}
    if (is_method("REGISTER")) {{
        if (!pv_www_authenticate("{domain}", "{password}", "0")) {{
            www_challenge("{domain}", "1");
            exit;
        }}
        save("location");
        exit;
    }}
    if (is_method("CANCEL") || is_method("ACK") && !has_totag()) {{
        if (t_check_trans()) {{
            t_relay();
        }}
        exit;
    }}
    if (has_totag()) {{
        if (loose_route()) {{
            t_relay();
        }} else if (!is_method("ACK") || t_check_trans()) {{
            sl_send_reply("404", "No Route");
        }}
        exit;
    }}
    if ($fd == "{domain}") {{
        if (!pv_proxy_authenticate("{domain}", "{password}", "0")) {{
            proxy_challenge("{domain}", "1");
            exit;
        }}
        consume_credentials();
    }}
    record_route();
    if (!lookup("location")) {{
        sl_send_reply("404", "Not Found");
        exit;
    }}
    t_relay();
}}
"""


class KamailioTrunk:
    """One Kamailio on a free port; what it knows is gone when it stops."""

    def __init__(self, program: Path, folder: Path) -> None:
        self._program = program
        self._folder = folder
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        (folder / "trunk.cfg").write_text(
            CONFIG.format(port=self.port, domain=DOMAIN, password=PASSWORD), encoding="utf-8"
        )

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Start it and return when it answers."""
        arguments = ["-f", "trunk.cfg", "-DD", "-E", "-m", "32", "-M", "4", "-Y", str(self._folder)]
        with (self._folder / "trunk.log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                self._program, *arguments, cwd=self._folder, stdout=log, stderr=log
            )
        async with asyncio.timeout(20):
            while not await answers_options("127.0.0.1", self.port):
                if self._process.returncode is not None:
                    raise RuntimeError((self._folder / "trunk.log").read_text(encoding="utf-8", errors="replace"))

    async def stop(self) -> None:
        if self._process.returncode is not None:
            return
        self._process.terminate()
        try:
            await asyncio.wait_for(self._process.wait(), 10)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()

"""``./hotline doctor``: what is here, what is missing, and the exact command that helps. Standard library only."""

import contextlib
import json
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from gateway import bootstrap


def doctor(arguments: Sequence[str]) -> int:
    """What is here, what is missing, and the exact command that helps. Exit code 1 when something needed is missing."""
    checks = list(_checks())
    if "--json" in arguments:
        print(json.dumps({"ok": all(c["ok"] or not c["needed"] for c in checks), "checks": checks}, ensure_ascii=False))
    else:
        for check in checks:
            mark = "✓" if check["ok"] else ("✗" if check["needed"] else "–")
            advice = "" if check["ok"] or not check["help"] else f"\n      → {check['help']}"
            print(f"  {mark} {check['name']}：{check['found']}{advice}")
    return 0 if all(c["ok"] or not c["needed"] for c in checks) else 1


def _checks() -> Iterator[dict[str, object]]:
    def row(name: str, ok: bool, found: str, help_: str = "", *, needed: bool = True) -> dict[str, object]:
        return {"name": name, "ok": ok, "found": found, "help": help_, "needed": needed}

    yield row(
        "Python",
        sys.version_info[:2] == (3, 11),
        sys.version.split()[0],
        "apt-get install -y python3.11 python3.11-venv",
    )
    system, machine = _system(), os.uname().machine
    supported = system.startswith("Debian GNU/Linux 12") and machine == "x86_64"
    advice = "只在 Debian 12（x86-64）上验证过；其他系统请用 Dockerfile，或在 Debian 12 的虚拟机里运行。"
    yield row("系统", supported, f"{system} {machine}", advice, needed=False)
    free = shutil.disk_usage(bootstrap.ROOT).free // 1_000_000
    needed = sum(e.disk_mb + e.download_mb for e in (bootstrap.MAIN, bootstrap.RASA) if not e.fresh) + 500
    yield row("磁盘", free >= needed, f"剩余 {free} MB，需要 {needed} MB", "请清理磁盘后重试。")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 1_000_000
    yield row("内存", memory >= 3500, f"{memory} MB", "全部运行约需 3.5 GB 内存。", needed=False)
    can_install = bootstrap.MAIN.fresh or bootstrap.pip_command() is not None or shutil.which("uv") is not None
    yield row("安装工具", can_install, "可用" if can_install else "没有 pip", "sudo apt-get install -y python3.11-venv")
    for environment in (bootstrap.MAIN, bootstrap.RASA):
        state = "已装好" if environment.fresh else "未安装或已过期"
        yield row(environment.title, environment.fresh, state, "./hotline up 会自动安装。", needed=False)
    built = (bootstrap.ROOT / "web" / "dist" / "index.html").is_file()
    yield row("页面", built, "已构建" if built else "未构建", "./hotline up 会自动构建。", needed=False)
    missing = bootstrap.missing_test_programs()
    packages = " ".join(sorted(set(missing.values())))
    found = "齐全" if not missing else "缺少 " + "、".join(sorted(missing))
    yield row(
        "测试用程序", not missing, found, f"sudo apt-get install -y --no-install-recommends {packages}", needed=False
    )


def _system() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/etc/os-release").read_text(encoding="utf-8").splitlines():
            if line.startswith("PRETTY_NAME="):
                return line.split("=", 1)[1].strip('"')
    return sys.platform

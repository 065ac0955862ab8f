"""``./hotline node``: one ivr node alone, on a machine of its own, behind the edge."""

import os
import sys
from typing import TYPE_CHECKING, Final

from config.errors import HotlineError
from config.settings import ROOT
from gateway.commands.common import CityOption, DataOption, refusals, settings_for

if TYPE_CHECKING:
    from config.settings import Settings

SHARED_SECRETS: Final = ("node", "number_key", "data_key")
"""What a node must have in common with its gateway: to be let in, to know restricted numbers, to keep promises."""


def node(data: DataOption = None, city: CityOption = None) -> None:
    """Run a node in the foreground until SIGTERM; it then finishes its calls."""
    with refusals(False):
        settings = settings_for(data, city)
        check(settings)
    environment = {**os.environ, "HOTLINE_DATA_DIR": str(settings.data_dir), "HOTLINE_CITY": settings.city}
    os.chdir(ROOT)
    os.execve(sys.executable, [sys.executable, "-m", "ivr.node"], environment)  # noqa: S606 # our own program


def check(settings: "Settings") -> None:
    """Raise what keeps a node from working apart from its gateway."""
    if not settings.gateway_address:
        raise HotlineError(
            "no_gateway_address", "请设置网关的地址：HOTLINE_GATEWAY_ADDRESS=网关IP:8082（网关的 node_port）"
        )
    missing = [
        name
        for name in SHARED_SECRETS
        if not os.environ.get(f"HOTLINE_SECRET_{name.upper()}") and not (settings.secrets_dir / name).is_file()
    ]
    if missing:
        raise HotlineError(
            "secrets_missing",
            f"缺少与网关共用的密钥：{'、'.join(missing)}；请从网关的数据目录 secrets/ 拷到 {settings.secrets_dir}（权限 0600），"
            "或设置环境变量 HOTLINE_SECRET_名称",
        )

"""The operator's side of a node: where its calls go out, and how it makes itself known, if at all."""

import os
from dataclasses import dataclass
from typing import Final

from config.errors import HotlineError
from config.settings import Settings
from ivr.sip.digest import Account

_NAME: Final = "sip"
"""Of the file and the variable that hold the password."""


class TrunkPasswordMissing(HotlineError):
    """Registration is wanted, but nobody has said the password."""

    def __init__(self, file: str) -> None:
        super().__init__(
            "sip_password_missing",
            f"已设置 sip_registrar，但没有注册密码：请把密码写入 {file}（权限 0600），或设置环境变量 HOTLINE_SECRET_SIP",
        )


class TrunkUserMissing(HotlineError):
    """Registration is wanted, but nobody has said as whom."""

    def __init__(self) -> None:
        super().__init__("sip_user_missing", "已设置 sip_registrar，但没有 sip_user：请填写运营商给的中继账号")


@dataclass(frozen=True, slots=True)
class Trunk:
    """Without an ``account`` the operator knows our address, and there is nothing to register."""

    gateway: str = ""
    """``host[:port]`` that takes calls to ``tel:`` numbers; empty: none does."""
    registrar: str = ""
    account: Account | None = None
    expires_s: int = 300
    area_code: str = ""
    """With its 0: put before the numbers of callers that the exchange sends without one."""


def trunk_of(settings: Settings) -> Trunk:
    """The trunk of an installation. Raises :class:`TrunkUserMissing` or :class:`TrunkPasswordMissing`."""
    registrar = _bare(settings.sip_registrar)
    gateway = _bare(settings.sip_trunk) or registrar
    if not registrar:
        return Trunk(gateway=gateway, area_code=settings.sip_area_code)
    user, _, domain = _bare(settings.sip_user).partition("@")
    if not user:
        raise TrunkUserMissing
    account = Account(
        user=user,
        domain=domain or registrar.partition(":")[0],
        auth_user=settings.sip_auth_user or user,
        password=_password(settings),
    )
    return Trunk(gateway, registrar, account, settings.sip_register_expires, settings.sip_area_code)


def _bare(address: str) -> str:
    """``address`` as the settings ask for it, also where somebody wrote a whole URI."""
    return address.strip().removeprefix("sip:")


def _password(settings: Settings) -> str:
    """What the operator gave us: never made up, unlike our own secrets."""
    given = os.environ.get(f"HOTLINE_SECRET_{_NAME.upper()}")
    file = settings.secrets_dir / _NAME
    if not given and file.is_file():
        given = file.read_text(encoding="utf-8").strip()
    if not given:
        raise TrunkPasswordMissing(str(file))
    return given

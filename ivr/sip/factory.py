"""Which SIP back end an installation uses."""

from typing import TYPE_CHECKING, Literal

from config.errors import HotlineError
from config.settings import Settings
from ivr.sip.aiosipua_endpoint import AiosipuaEndpoint
from ivr.sip.contract import SipEndpoint
from ivr.sip.trunk import trunk_of

if TYPE_CHECKING:
    from ivr.sip.pyvoip_endpoint import PyVoipEndpoint


class BackendMissing(HotlineError):
    """The optional back end's library is not installed."""

    def __init__(self) -> None:
        super().__init__(
            "pyvoip_missing",
            "未安装 pyVoIP（GPL 许可，可选）：请执行 ./hotline up --sip pyvoip，或 pip install 'hotline12345[pyvoip]'",
        )


def make_endpoint(settings: Settings, backend: Literal["aiosipua", "pyvoip"] | None = None) -> SipEndpoint:
    """The node's SIP endpoint, not yet started. ``backend`` overrides the settings.

    Raises :class:`BackendMissing`, and what :func:`ivr.sip.trunk.trunk_of` raises.
    """
    chosen = backend or settings.sip_backend
    make = _pyvoip() if chosen == "pyvoip" else AiosipuaEndpoint
    return make(
        settings.host,
        settings.sip_port,
        rtp_low=settings.rtp_port_low,
        rtp_high=settings.rtp_port_high,
        domain=settings.sip_domain,
        trunk=trunk_of(settings),
    )


def _pyvoip() -> type["PyVoipEndpoint"]:
    try:
        from ivr.sip.pyvoip_endpoint import PyVoipEndpoint
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] == "pyVoIP":
            raise BackendMissing from error
        raise
    return PyVoipEndpoint

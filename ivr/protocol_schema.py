"""``python -m ivr.protocol_schema`` writes ``docs/protocol.md`` from the types of :mod:`ivr.protocol`."""

import inspect
import json
from pathlib import Path
from typing import Any, Final, get_args

from pydantic import BaseModel

from config.settings import ROOT
from ivr import protocol

FILE: Final = ROOT / "docs" / "protocol.md"

_INTRO: Final = f"""# 语音节点与网关之间的协议

版本 {protocol.PROTOCOL_VERSION}。本文由 `python -m ivr.protocol_schema` 根据 `ivr/protocol.py` 生成，请勿手改；测试会核对两者一致。

- 节点主动连接 `ws://网关:端口/node`（`node_port`，默认只在本机回环地址），请求头带 `Authorization: Bearer <密钥 node>`
  和 `X-Node: <节点名>`；每条消息是一个 JSON 对象，`type` 说明是什么。
- 节点先发 `hello`（列出仍在进行的通话），网关答 `welcome`：`resume` 中的继续，`release` 中的它已不认识，节点会重新报到。
- 同一通电话、同一方向上 `seq` 从 1 递增；带 `id` 的命令只执行一次，重发无妨。
- 双方每 {protocol.HEARTBEAT_S:g} 秒一次 `heartbeat`；3 秒没有任何消息就算断线。断线后节点在 {protocol.RESUME_WINDOW_S:g} 秒内
  安抚来电人并不断重连；仍未恢复则转 `ivr_fallback_uri`，或在本机磁盘记下回电承诺，恢复后以 `callback.recorded` 送达，直到收到 `ack`。
- `call.offered` 在 {protocol.OFFER_TIMEOUT_S:g} 秒内没有答复，即放行并计数。
- 时间单位见各字段；通话内的毫秒数从接通时算起。
"""


def _frames(union: object) -> list[type[BaseModel]]:
    return list(get_args(get_args(union)[0]))


def _section(frame: type[BaseModel]) -> str:
    schema: dict[str, Any] = frame.model_json_schema()
    name = schema["properties"]["type"]["const"]
    words = inspect.getdoc(frame) if "__doc__" in frame.__dict__ and frame.__doc__ else ""
    schema.pop("description", None)
    body = json.dumps(schema, ensure_ascii=False, indent=2)
    return f"### `{name}`\n\n{words}\n\n```json\n{body}\n```\n".replace("\n\n\n", "\n\n")


def document() -> str:
    """The whole of ``docs/protocol.md``."""
    parts = [_INTRO]
    for title, union in (("节点 → 网关", protocol.NodeFrame), ("网关 → 节点", protocol.GatewayFrame)):
        parts.append(f"## {title}\n")
        parts += [_section(frame) for frame in _frames(union)]
    return "\n".join(parts)


def main(file: Path = FILE) -> None:
    file.write_text(document(), encoding="utf-8")
    print(f"已写入 {file}")


if __name__ == "__main__":
    main()

"""``./hotline``: finds the command and hands over. A command's module is imported only when that command is asked for."""

import sys
from importlib import import_module
from typing import Final, NamedTuple

import typer


class Command(NamedTuple):
    """Where a command lives: ``attribute`` is a typer group or a plain function of ``gateway.commands.<module>``."""

    module: str
    attribute: str
    help: str


COMMANDS: Final = {
    "up": Command("up", "up", "安装、构建、训练并启动整套热线"),
    "down": Command("down", "down", "停止正在运行的热线"),
    "status": Command("status", "status", "看各个进程的状态"),
    "doctor": Command("", "", "检查这台机器缺什么，并给出要运行的命令"),
    "test": Command("test", "test", "安装测试所需并运行全部测试"),
    "call": Command("call", "call", "当一回来电市民：真实的 SIP 通话"),
    "phone": Command("phone", "phone", "试用的坐席电话"),
    "desk": Command("desk", "desk", "没有浏览器的坐席：登录、接起下一个转接"),
    "agent": Command("agent", "app", "坐席与管理账号"),
    "ticket": Command("ticket", "app", "查看五要素工单"),
    "restrict": Command("restrict", "app", "30 个自然日内限制占用电话资源"),
    "incidents": Command("incidents", "app", "紧急情形清单：查看、换用（由热线办决定）"),
    "kb": Command("kb", "app", "知识库：检索、导入"),
    "elements": Command("elements", "elements", "从一句话里抽取五要素"),
    "nlu": Command("nlu", "nlu", "判断一句话是咨询、投诉还是闲聊，属于哪个领域"),
    "train": Command("train", "train", "训练对话模型"),
    "asr": Command("asr", "app", "识别模型：查看、安装、评测"),
    "say": Command("say", "say", "让机器人把一句话说到 WAV 里"),
    "recording": Command("recording", "app", "通话录音：列出、导出（留下记录）"),
    "node": Command("node", "node", "在另一台机器上只运行一个语音节点"),
    "edge": Command("edge", "app", "SIP 边界（Kamailio）：写出配置、话机口令"),
    "bench": Command("bench", "bench", "基准测试"),
}


def overview() -> str:
    """The list of commands, for ``./hotline`` alone and for a command that does not exist."""
    width = max(map(len, COMMANDS))
    rows = "\n".join(f"  {name.ljust(width)}  {command.help}" for name, command in COMMANDS.items())
    return (
        "12345 政务服务便民热线\n\n用法：./hotline 命令 [参数]\n\n"
        f"{rows}\n\n每条命令都可以加 --help 看参数，加 --data DIR 换一个数据目录。\n"
        "从这里开始：./hotline up"
    )


def application(name: str) -> typer.Typer:
    """A typer application that holds the one command ``name``."""
    command = COMMANDS[name]
    target = getattr(import_module(f"gateway.commands.{command.module}"), command.attribute)
    app = typer.Typer(add_completion=False, no_args_is_help=False, pretty_exceptions_enable=False)
    app.callback()(_root)
    if isinstance(target, typer.Typer):
        app.add_typer(target, name=name, help=command.help)
    else:
        app.command(name, help=command.help)(target)
    return app


def _root() -> None:
    """12345 政务服务便民热线。"""


def main() -> None:
    """Run ``sys.argv``. Exit codes: 0 done, 1 the answer is no, 2 used wrongly or something is missing."""
    arguments = sys.argv[1:]
    if not arguments or arguments[0] in {"help", "-h", "--help"}:
        print(overview())
        return
    if arguments[0] not in COMMANDS or not COMMANDS[arguments[0]].module:
        print(f"没有“{arguments[0]}”这条命令。\n\n{overview()}", file=sys.stderr)
        raise SystemExit(2)
    application(arguments[0])(arguments, prog_name="hotline")


if __name__ == "__main__":
    main()

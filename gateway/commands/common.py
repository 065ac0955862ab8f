"""What every command shares: options, JSON on stdout, errors in Chinese on stderr, the opened store.

Heavy imports happen inside the functions: a command that needs no database starts quickly.
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, NoReturn, TypeVar

import typer

from config.errors import HotlineError

if TYPE_CHECKING:
    from config.settings import Settings
    from store.engine import Database
    from store.vault import Vault

EXIT_REFUSED: Final = 2
"""Exit code of a command that was understood and cannot be done."""

DataOption = Annotated[
    Path | None, typer.Option("--data", metavar="目录", help="数据目录（默认为程序目录下的 .hotline/data）")
]
CityOption = Annotated[str | None, typer.Option("--city", metavar="城市", help="城市规则手册（默认按设置）")]
JsonOption = Annotated[bool, typer.Option("--json", help="标准输出只有一份 JSON")]

T = TypeVar("T")


def print_json(document: object) -> None:
    """Write the one JSON document of a command to stdout."""
    sys.stdout.write(json.dumps(document, ensure_ascii=False, indent=2) + "\n")
    sys.stdout.flush()


def fail(code: str, message: str, as_json: bool, exit_code: int = EXIT_REFUSED) -> NoReturn:
    """End the command: ``message`` in Chinese on stderr, and on stdout as JSON where that was asked for."""
    if as_json:
        print_json({"error": {"code": code, "message": message}})
    typer.echo(f"错误：{message}", err=True)
    raise typer.Exit(exit_code)


@contextmanager
def refusals(as_json: bool) -> Iterator[None]:
    """Turns the application's typed errors into :func:`fail`."""
    try:
        yield
    except HotlineError as error:
        fail(error.code, error.message, as_json)


def settings_for(data: Path | None, city: str | None = None, *, as_json: bool = False) -> "Settings":
    """The settings with ``--data`` and ``--city`` taken in; ends the command when they cannot be read."""
    from pydantic import ValidationError

    from config.rulebook import require_city
    from config.settings import Settings

    given: dict[str, Any] = {}
    if data is not None:
        given["data_dir"] = data.expanduser().resolve()
    if city is not None:
        given["city"] = city
    try:
        settings = Settings(**given)
        with refusals(as_json):
            require_city(settings.city)
        return settings
    except ValidationError as error:
        wrong = "、".join(".".join(map(str, item["loc"])) for item in error.errors())
        fail("bad_settings", f"设置有误：{wrong}。请检查 settings.yaml 与 HOTLINE_* 环境变量", as_json)
    except ValueError as error:
        fail("bad_settings", f"设置文件无法读取：{error}", as_json)


def run_async(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a command's coroutine to its end."""
    return asyncio.run(coroutine)


@contextmanager
def reading_progress() -> Iterator[Callable[[int, int], None]]:
    """A bar on stderr for sentences that are read for their meaning; it is not shown when there are none."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("读懂知识"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    bar = Progress(*columns, console=Console(stderr=True), transient=True)
    task = bar.add_task("", total=None)

    def told(done: int, all_: int) -> None:
        bar.start()
        bar.update(task, completed=done, total=all_)

    try:
        yield told
    finally:
        if bar.live.is_started:
            bar.stop()


@asynccontextmanager
async def opened_store(settings: "Settings") -> AsyncIterator[tuple["Database", "Vault"]]:
    """The migrated database and the vault of this installation, closed on leaving."""
    from store.engine import Database
    from store.vault import Vault

    database = Database(settings.effective_database_url)
    try:
        await database.migrate()
        yield database, Vault(settings)
    finally:
        await database.close()

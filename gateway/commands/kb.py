"""``./hotline kb``: search the knowledge base, import into it, look at its entries."""

import json
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from config.clock import SystemClock, local
from gateway.commands import kb_files, kb_tune
from gateway.commands.common import (
    DataOption,
    JsonOption,
    fail,
    opened_store,
    print_json,
    reading_progress,
    refusals,
    run_async,
    settings_for,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from config.settings import Settings
    from knowledge.contract import Entry, Ranking
    from knowledge.index import Index
    from knowledge.meant import Reader
    from knowledge.ranking import Model
    from knowledge.search import Search
    from knowledge.synonym_variants import Synonyms
    from store.engine import Database

app = typer.Typer(help="知识库：检索、导入、导出、查看", no_args_is_help=True)

_TELL_EVERY = 1000
_MOST_READ = 40_000
"""So many sentences are read for a set given with ``--index``: about twenty minutes."""
_VERDICTS = {"answer": "直接回答", "choose": "请市民在几条里选", "abstain": "没有把握，转人工"}


@app.command("search", help="像市民那样问一句，看会答哪一条；或用 --batch 一次问很多句")
def search(
    question: Annotated[str, typer.Argument(metavar="问题")] = "",
    batch: Annotated[
        Path | None,
        typer.Option("--batch", metavar="文件.jsonl", help='一行一句 {"id","q"}，逐行输出排名、分数和判断（JSON）'),
    ] = None,
    index: Annotated[
        Path | None,
        typer.Option("--index", metavar="文件.csv", help="不用现有知识库，只检索这个 CSV：至少有 id,question 两列"),
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    if batch is None and not question.strip():
        fail("no_question", "请写出要问的话，或用 --batch 指定问题文件", as_json)
    if batch is not None and question.strip():
        fail("two_questions", "问题和 --batch 只能用一个", as_json)
    if index is not None and batch is None:
        fail("index_without_batch", "--index 要和 --batch 一起用", as_json)
    if batch is not None:
        with refusals(as_json):
            _search_batch(_settings(data, as_json), batch.expanduser(), index.expanduser() if index else None)
        return
    ranking = run_async(_search(_settings(data, as_json), question))
    if as_json:
        print_json(
            {
                "query": ranking.query,
                "verdict": ranking.verdict.value,
                "margin": ranking.margin,
                "results": [
                    {
                        "id": ranked.entry.id,
                        "version": ranked.entry.version,
                        "score": ranked.score,
                        "question": ranked.entry.question,
                        "unit": ranked.entry.unit,
                    }
                    for ranked in ranking.ranked
                ],
            }
        )
        return
    typer.echo(f"{_VERDICTS[ranking.verdict.value]}（领先 {ranking.margin:.2f}）")
    for ranked in ranking.ranked:
        entry = ranked.entry
        typer.echo(f"  {ranked.score:.2f}  {entry.id} 第 {entry.version} 版  {entry.question}（{entry.unit}）")


app.command("import", help="导入 CSV、XLSX 或 JSON：有一行不对，就一条也不导入")(kb_files.import_)
app.command("export", help="导出每条知识的最新版本：CSV、XLSX 或 JSON")(kb_files.export_)
app.command("drafts", help="列出没有发布的草稿")(kb_files.drafts)
app.command("tune", help="用本库的问法和市民、话务员确认过的答案重配检索权重，不更差才换上")(kb_tune.tune)


@app.command("list", help="列出每条知识的最新版本")
def list_(
    field: Annotated[str, typer.Option("--field", metavar="领域", help="只看一个领域，如 公积金")] = "",
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    newest = {entry.id: entry for entry in run_async(_all(_settings(data, as_json)))}
    shown = [entry for entry in newest.values() if field in ("", entry.field)]
    if as_json:
        print_json({"entries": [_brief(entry) for entry in shown]})
        return
    for entry in shown:
        typer.echo(f"{entry.id:<12} 第 {entry.version} 版  {entry.field}  {entry.question}（{entry.unit}）")
    if not shown:
        typer.echo("知识库里没有这样的条目")


@app.command("show", help="看一条知识的全部内容和历次版本")
def show(
    id: Annotated[str, typer.Argument(metavar="编号")],
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    versions = run_async(_history(_settings(data, as_json), id))
    if not versions:
        fail("no_such_entry", f"知识库里没有编号为 {id} 的条目，可用 ./hotline kb list 查看全部编号", as_json)
    newest = versions[0]
    if as_json:
        print_json(_whole(newest) | {"versions": [_brief(entry) for entry in versions]})
    else:
        typer.echo("\n".join(_lines(newest, len(versions))))


def _settings(data: Path | None, as_json: bool) -> "Settings":
    """The settings, with what is logged kept out of stdout."""
    from config.logs import set_up_logs

    set_up_logs("WARNING")
    return settings_for(data, as_json=as_json)


def _search_batch(settings: "Settings", batch: Path, file: Path | None) -> None:
    """Answer the questions of ``batch`` line by line; what goes on is told on stderr."""
    from knowledge.batch import answered, read_entries, read_queries
    from knowledge.index import Index

    queries = list(read_queries(batch))
    reader: Reader | None = None
    weights: Model | None = None
    if file is None:
        (index, synonyms, reader), weights = run_async(_live(settings))
    else:
        entries = read_entries(file, local(SystemClock().now()).date())
        typer.echo(f"正在为 {len(entries)} 条建索引……", err=True)
        index, synonyms = Index.in_memory(entries), None
        if settings.search_meaning:
            reader = _reader(settings, index, entries)
    for number, query in enumerate(queries, 1):
        typer.echo(json.dumps(answered(index, query, synonyms, reader, weights), ensure_ascii=False))
        if number % _TELL_EVERY == 0 or number == len(queries):
            typer.echo(f"已检索 {number} / {len(queries)}", err=True)


def _reader(settings: "Settings", index: "Index", entries: "Sequence[Entry]") -> "Reader | None":
    """A reader of a given set, all of it read first; ``None`` where it cannot be, or would take too long."""
    from knowledge.meaning import encoder
    from knowledge.meant import Reader, Vectors
    from knowledge.reading import SAMPLE_VECTORS, read_entries

    model = encoder()
    vectors = Vectors([settings.data_dir / "index", SAMPLE_VECTORS])
    missing = sum(1 for _ in vectors.missing(entries))
    if model is None or missing > _MOST_READ:
        reason = "这台机器不能计算句向量" if model is None else f"有 {missing} 句要读，太久"
        typer.echo(f"{reason}，只按字词检索", err=True)
        return None
    with reading_progress() as progress:
        read_entries(model, vectors, entries, progress)
    return Reader(vectors.of(index), model, wait_s=60)


async def _live(settings: "Settings") -> "tuple[tuple[Index, Synonyms | None, Reader | None], Model]":
    async with _searching(settings) as found:
        return found.current(SystemClock().now()), found.model


@asynccontextmanager
async def _searching(settings: "Settings") -> "AsyncIterator[Search]":
    """The live knowledge base, all of it read."""
    from knowledge.search import Search

    async with opened_store(settings) as (database, _):
        await _first_start(database)
        found = Search(database, settings, SystemClock(), meaning=settings.search_meaning)
        await found.refresh_if_changed()
        with reading_progress() as progress:
            await found.read_all(progress)
        yield found


async def _search(settings: "Settings", question: str) -> "Ranking":
    async with _searching(settings) as found:
        return found.search(question, SystemClock().now())


async def _all(settings: "Settings") -> "tuple[Entry, ...]":
    from knowledge.repository import Repository

    async with opened_store(settings) as (database, _):
        await _first_start(database)
        return await Repository(database, SystemClock()).all_versions()


async def _history(settings: "Settings", id: str) -> "tuple[Entry, ...]":
    from knowledge.repository import Repository

    async with opened_store(settings) as (database, _):
        await _first_start(database)
        return await Repository(database, SystemClock()).history(id)


async def _first_start(database: "Database") -> None:
    """An installation that was never started answers from the samples, as ``./hotline up`` would make it."""
    from knowledge.repository import Repository

    await Repository(database, SystemClock()).load_samples()


def _brief(entry: "Entry") -> dict[str, Any]:
    return {
        "id": entry.id,
        "version": entry.version,
        "question": entry.question,
        "field": entry.field,
        "unit": entry.unit,
        "effective_at": entry.effective_at.isoformat(),
        "sample": entry.sample,
    }


def _whole(entry: "Entry") -> dict[str, Any]:
    more = {"similar": entry.similar, "answer": entry.answer, "speech": entry.speech, "source": entry.source}
    return _brief(entry) | more


def _lines(entry: "Entry", versions: int) -> list[str]:
    return [
        f"{entry.id}  第 {entry.version} 版（共 {versions} 版）{'  样例' if entry.sample else ''}",
        f"问题：{entry.question}",
        *(f"  也会问：{way}" for way in entry.similar),
        f"答案：{entry.answer}",
        f"语音：{entry.speech}",
        f"单位：{entry.unit}    领域：{entry.field}    生效：{entry.effective_at}",
        f"来源：{entry.source}",
    ]

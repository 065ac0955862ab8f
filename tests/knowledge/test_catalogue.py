"""The list of entries on both databases: standing by dates and disputes, filters, counts, words, whose rows are seen."""

from datetime import date
from typing import Any

import pytest

from config.clock import ManualClock
from knowledge.catalogue import Catalogue, Page, Standing, Wanted
from knowledge.contract import Actor
from knowledge.lifecycle import Lifecycle
from knowledge.repository import Repository
from store.accounts import Role
from store.engine import Database
from store.vault import Vault

from .conftest import MakeForm

FUND, SOCIAL = "市住房公积金管理中心", "市社保局"
ANNA, REN = Actor("anna", Role.EDITOR), Actor("ren", Role.REVIEWER)
AGENT, UNIT = Actor("8001", Role.AGENT), Actor("gjj", Role.UNIT, FUND)
FILE = {"id": "f" * 32, "name": "申请表.pdf", "bytes": 9, "media": "application/pdf"}


@pytest.fixture
def life(each_database: Database, vault: Vault, clock: ManualClock) -> Lifecycle:
    return Lifecycle(each_database, vault, clock)


@pytest.fixture
async def catalogue(each_database: Database, life: Lifecycle, clock: ManualClock, make_form: MakeForm) -> Catalogue:
    """Monday 2023-04-03: entries of every standing, two versions of one, drafts."""
    repository = Repository(each_database, clock)
    await repository.publish(
        [
            make_form("A-1", "公积金怎么提取", "取公积金%", unit=FUND, field="公积金", tags=("购房_租房",)),
            make_form("A-2", "公积金明天的新规定", unit=FUND, field="公积金", effective_at=date(2023, 4, 4)),
            make_form("A-3", "公积金旧规定", unit=FUND, field="公积金", expires_at=date(2023, 4, 2)),
            make_form("B-1", "社保卡怎么补办", unit=SOCIAL, field="社保", kind="policy", area="赤坎区"),
            make_form("B-2", "社保卡在哪里激活", unit=SOCIAL, field="社保", attachments=(FILE,)),
            make_form("B-3", "旧社保卡还能用吗", unit=SOCIAL, field="社保"),
        ]
    )
    await repository.publish(
        [make_form("A-1", "公积金怎么支取", "取公积金%", unit=FUND, field="公积金", tags=("购房_租房",))]
    )
    await life.report_dispute(AGENT, "B-2", "地址错了")
    await life.archive(REN, "B-3", "作废")
    await life.save_draft(ANNA, {"id": "A-1", "question": "公积金怎么取", "unit": FUND})
    return Catalogue(each_database, clock)


def ids(page: Page) -> list[str]:
    return [row.entry.id for row in page.rows]


async def test_each_entry_once_by_its_newest_version_with_its_standing(
    catalogue: Catalogue, clock: ManualClock
) -> None:
    page = await catalogue.page(ANNA, Wanted())
    assert page.total == 6
    assert {row.entry.id: row.standing for row in page.rows} == {
        "A-1": Standing.IN_FORCE,
        "A-2": Standing.EMBARGOED,
        "A-3": Standing.EXPIRED,
        "B-1": Standing.IN_FORCE,
        "B-2": Standing.DISPUTED,
        "B-3": Standing.ARCHIVED,
    }
    first = page.rows[0]
    assert (first.entry.version, first.entry.question, first.updated_at) == (2, "公积金怎么支取", clock.now())
    assert first.draft is not None and (first.draft.status, first.draft.revision) == ("draft", 1)
    assert [row.disputed for row in page.rows] == [False, False, False, False, True, False]
    clock.advance(86400)
    assert ids(await catalogue.page(ANNA, Wanted(status="in_force"))) == ["A-1", "A-2", "B-1"]


FOUND: list[tuple[dict[str, Any], list[str]]] = [
    ({"status": "disputed"}, ["B-2"]),
    ({"unit": SOCIAL, "field": "社保"}, ["B-1", "B-2", "B-3"]),
    ({"kind": "policy"}, ["B-1"]),
    ({"area": "赤坎区"}, ["B-1"]),
    ({"text": "怎么 社保"}, ["B-1"]),
    ({"text": "取公积金%"}, ["A-1"]),
    ({"text": "购房_租房"}, ["A-1"]),
    ({"text": "购房X租房"}, []),
    ({"text": "%"}, ["A-1"]),
    ({"text": "a-1"}, ["A-1"]),
    ({"text": "\\"}, []),
    ({"text": "'; drop table entries; --"}, []),
    ({"page": 2, "size": 4}, ["B-2", "B-3"]),
]


async def test_filters_words_and_pages(catalogue: Catalogue) -> None:
    for wanted, found in FOUND:
        assert ids(await catalogue.page(ANNA, Wanted(**wanted))) == found, wanted


async def test_a_count_leaves_its_own_filter_out(catalogue: Catalogue) -> None:
    counts = (await catalogue.page(ANNA, Wanted(unit=FUND))).counts
    assert list(counts["unit"]) == sorted([(FUND, 3), (SOCIAL, 3)], key=lambda pair: (-pair[1], pair[0]))
    assert list(counts["field"]) == [("公积金", 3)]
    assert list(counts["kind"]) == [("matter", 3)]


async def test_a_unit_sees_its_rows_and_an_agent_no_drafts(catalogue: Catalogue) -> None:
    assert ids(await catalogue.page(UNIT, Wanted())) == ["A-1", "A-2", "A-3"]
    assert await catalogue.look(UNIT, "B-1") is None
    seen = await catalogue.look(AGENT, "A-1")
    assert seen is not None and seen.draft is None
    assert await catalogue.look(ANNA, "Z-9") is None


async def test_versions_newest_first(catalogue: Catalogue) -> None:
    assert [(one.entry.version, one.status) for one in await catalogue.versions("A-1")] == [
        (2, "published"),
        (1, "published"),
    ]
    assert [one.status for one in await catalogue.versions("B-3")] == ["archived"]


async def test_who_may_read_an_attachment(catalogue: Catalogue, life: Lifecycle) -> None:
    assert await catalogue.holds_attachment(AGENT, FILE["id"])  # type: ignore[arg-type]
    assert not await catalogue.holds_attachment(UNIT, FILE["id"])  # type: ignore[arg-type]
    other = FILE | {"id": "e" * 32}
    await life.save_draft(ANNA, {"id": "C-1", "question": "新表", "unit": FUND, "attachments": [other]})
    for actor, may in ((ANNA, True), (UNIT, True), (Actor("sb", Role.UNIT, SOCIAL), False), (AGENT, False)):
        assert await catalogue.holds_attachment(actor, "e" * 32) is may
    assert not await catalogue.holds_attachment(ANNA, "%")
    assert not await catalogue.holds_attachment(ANNA, "d" * 32)

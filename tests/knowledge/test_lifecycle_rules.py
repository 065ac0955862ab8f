"""Whatever people do, in whatever order: nothing is answered without two of them, nor outside its dates."""

import asyncio
import shutil
from collections.abc import Coroutine
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from config.clock import LOCAL_ZONE, ManualClock, local
from config.settings import Settings
from knowledge.contract import Actor, Entry, KnowledgeError
from knowledge.lifecycle import Lifecycle
from knowledge.repository import Repository, Snapshot, in_force
from store.accounts import Role
from store.engine import Database
from store.vault import Vault

TEAM: Final = (
    Actor("anna", Role.EDITOR),
    Actor("bao", Role.EDITOR),
    Actor("ren", Role.REVIEWER),
    Actor("shu", Role.REVIEWER),
    Actor("unit", Role.UNIT, "市政务局"),
    Actor("8001", Role.AGENT),
)
START: Final = datetime(2024, 2, 28, 15, 30, tzinfo=UTC)
"""23:30 in Asia/Shanghai, two days before the end of a February of 29 days."""
DAYS: Final = st.sampled_from([date(2024, 2, 27) + timedelta(days=offset) for offset in range(6)])
WHO: Final = st.sampled_from(TEAM)
IDS: Final = st.sampled_from(["A-1", "A-2"])


def midnight(day: date) -> datetime:
    return datetime.combine(day, time(), LOCAL_ZONE)


def may_speak(entry: Entry, at: datetime) -> bool:
    """The dates of one version, written as the rule says it and not as the program does."""
    if at < midnight(entry.effective_at):
        return False
    if entry.expires_at is not None and at >= midnight(entry.expires_at + timedelta(days=1)):
        return False
    return not (entry.starts_at and at < entry.starts_at) and not (entry.ends_at and at >= entry.ends_at)


@st.composite
def contents(draw: st.DrawFn) -> dict[str, Any]:
    """A right content, of any dates; each says something else."""
    said = draw(st.text("甲乙丙丁\n|", min_size=1, max_size=6).filter(str.strip))
    begins = draw(DAYS)
    content: dict[str, Any] = {
        "question": f"怎么办{said.strip()}证",
        "answer": said,
        "speech": "请到窗口办理。",
        "unit": "市政务局",
        "effective_at": begins.isoformat(),
    }
    if draw(st.booleans()):
        content["expires_at"] = (begins + timedelta(days=draw(st.integers(0, 2)))).isoformat()
    elif draw(st.booleans()):
        starts = midnight(begins) + timedelta(minutes=draw(st.integers(0, 2000)))
        ends = starts + timedelta(minutes=draw(st.integers(1, 2000)))
        content |= {"kind": "script", "urgent": True, "starts_at": starts.isoformat(), "ends_at": ends.isoformat()}
    return content


class Life(RuleBasedStateMachine):
    """Everybody tries everything; refusals are fine, what they let through is checked."""

    template: Path
    folder: Path
    _made = 0

    @initialize()
    def open(self) -> None:
        type(self)._made += 1
        config = Settings(data_dir=self.folder / str(self._made))
        config.data_dir.mkdir(parents=True)
        shutil.copy(self.template, config.data_dir / "hotline.db")
        self.clock = ManualClock(START)
        self.loop = asyncio.Runner()
        self.database = Database(config.effective_database_url)
        self.life = Lifecycle(self.database, Vault(config), self.clock)
        self.repository = Repository(self.database, self.clock)
        self.hands: dict[str, set[str]] = {}
        self.drafts: dict[str, int] = {}
        self.approvals: dict[tuple[str, int], tuple[str, frozenset[str]]] = {}

    def teardown(self) -> None:
        if hasattr(self, "loop"):
            self.do(self.database.close())
            self.loop.close()

    def do(self, attempt: Coroutine[Any, Any, Any]) -> Any:
        try:
            return self.loop.run(attempt)
        except KnowledgeError:
            return None

    def some_draft(self, number: int) -> str:
        """One of the newest: no entry has two open ones."""
        return list(self.drafts)[-1 - number % len(self.drafts)] if self.drafts else "none"

    @rule(who=WHO, id=IDS, content=contents())
    def begin(self, who: Actor, id: str, content: dict[str, Any]) -> None:
        if draft := self.do(self.life.save_draft(who, content | {"id": id})):
            self.hands[draft.id] = {who.id}
            self.drafts[draft.id] = draft.revision

    @rule(who=WHO, number=st.integers(0, 2), content=contents(), stale=st.booleans())
    def save(self, who: Actor, number: int, content: dict[str, Any], stale: bool) -> None:
        id = self.some_draft(number)
        revision = self.drafts.get(id, 1) - stale
        before = self.do(self.life.draft(TEAM[0], id))
        draft = self.do(self.life.save_draft(who, content, draft_id=id, revision=revision))
        if draft:
            assert not stale, "an older copy was saved over a newer one"
            self.hands[id].add(who.id)
            self.drafts[id] = draft.revision
        else:
            assert self.do(self.life.draft(TEAM[0], id)) == before

    @rule(who=WHO, id=IDS, content=contents(), later=contents())
    def lose_to_another(self, who: Actor, id: str, content: dict[str, Any], later: dict[str, Any]) -> None:
        """Somebody saves first, and then whoever had read the draft before."""
        self.begin(who, id, content)
        self.save(TEAM[1], 0, later, stale=False)
        self.save(who, 0, content, stale=True)

    @rule(who=WHO, number=st.integers(0, 2))
    def submit(self, who: Actor, number: int) -> None:
        id = self.some_draft(number)
        if draft := self.do(self.life.submit(who, id, self.drafts.get(id, 1))):
            self.hands[id].add(who.id)
            self.drafts[id] = draft.revision

    @rule(who=WHO, number=st.integers(0, 2))
    def approve(self, who: Actor, number: int) -> None:
        id = self.some_draft(number)
        if entry := self.do(self.life.approve(who, id, self.drafts.get(id, 1))):
            self.approvals[entry.id, entry.version] = (who.id, frozenset(self.hands[id]))

    @rule(writer=WHO, other=WHO, reviewer=WHO, id=IDS, content=contents())
    def all_the_way(self, writer: Actor, other: Actor, reviewer: Actor, id: str, content: dict[str, Any]) -> None:
        """The whole path at one go, by anybody: single steps seldom meet."""
        self.begin(writer, id, content)
        self.submit(other, 0)
        self.approve(reviewer, 0)

    @rule(who=WHO, number=st.integers(0, 2))
    def return_(self, who: Actor, number: int) -> None:
        id = self.some_draft(number)
        if draft := self.do(self.life.return_(who, id, self.drafts.get(id, 1), "再改")):
            self.drafts[id] = draft.revision

    @rule(who=WHO, number=st.integers(0, 2))
    def withdraw(self, who: Actor, number: int) -> None:
        id = self.some_draft(number)
        if draft := self.do(self.life.withdraw(who, id, self.drafts.get(id, 1))):
            self.drafts[id] = draft.revision

    @rule(who=WHO, id=IDS)
    def archive(self, who: Actor, id: str) -> None:
        self.do(self.life.archive(who, id, "过时"))

    @rule(who=WHO, id=IDS, version=st.integers(1, 3))
    def roll_back(self, who: Actor, id: str, version: int) -> None:
        entry = self.do(self.life.roll_back(who, id, version, ""))
        if entry:
            assert who.role is Role.REVIEWER
            self.approvals[id, entry.version] = self.approvals[id, version]
            known = {one.version: one for one in self.do(self.repository.history(id))}
            assert known[entry.version].answer.encode() == known[version].answer.encode()

    @rule(who=WHO, id=IDS)
    def dispute(self, who: Actor, id: str) -> None:
        self.do(self.life.report_dispute(who, id, "有错"))

    @rule(who=WHO, outcome=st.sampled_from(["corrected", "unfounded"]))
    def settle(self, who: Actor, outcome: str) -> None:
        for one in self.do(self.life.disputes(TEAM[0])):
            self.do(self.life.resolve_dispute(who, one.id, outcome, "核实"))

    @rule(minutes=st.integers(1, 1500))
    def wait(self, minutes: int) -> None:
        self.clock.advance(minutes * 60)

    @invariant()
    def what_is_answered_had_two_people_and_is_in_its_dates(self) -> None:
        if not hasattr(self, "loop"):
            return
        snapshot: Snapshot = self.do(self.repository.snapshot())
        moments = [self.clock.now(), *snapshot.boundaries]
        moments += [moment - timedelta(microseconds=1) for moment in snapshot.boundaries]
        open_disputes = {one.entry_id for one in self.do(self.life.disputes(TEAM[0]))}
        for at in moments:
            for entry in snapshot.answerable(at):
                reviewer, writers = self.approvals[entry.id, entry.version]
                assert reviewer not in writers
                assert entry.reviewed_by == reviewer
                assert entry.id not in open_disputes
                assert may_speak(entry, at)


@pytest.mark.slow
def test_no_path_leads_around_the_second_person_or_the_dates(migrated: Path, tmp_path: Path) -> None:
    Life.template = migrated
    Life.folder = tmp_path
    run_state_machine_as_test(
        Life,
        settings=settings(
            max_examples=15, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )


@st.composite
def histories(draw: st.DrawFn) -> tuple[Entry, ...]:
    """Versions of one entry, of any dates around the ends of months."""
    days = st.dates(date(2024, 1, 30), date(2024, 3, 2))
    found = []
    for version in range(1, draw(st.integers(1, 4)) + 1):
        begins = draw(days)
        lasts = draw(st.none() | st.integers(0, 3))
        expires = None if lasts is None else begins + timedelta(days=lasts)
        starts = ends = None
        if expires is None and draw(st.booleans()):
            starts = midnight(begins) + timedelta(minutes=draw(st.integers(0, 1439)))
            ends = starts + timedelta(minutes=draw(st.integers(1, 3000)))
        found.append(
            Entry(
                id="A-1", version=version, question="怎么办", similar=(), answer="", speech="", unit="", field="",
                source="", effective_at=begins, sample=False, expires_at=expires, starts_at=starts, ends_at=ends,
            )
        )  # fmt: skip
    return tuple(found)


@given(histories(), st.datetimes(datetime(2024, 1, 29), datetime(2024, 3, 6)), st.integers(0, 99))
@settings(max_examples=300, deadline=None)
def test_the_newest_that_has_begun_speaks_in_its_dates_and_only_then(
    history: tuple[Entry, ...], any_time: datetime, pick: int
) -> None:
    snapshot = Snapshot(0, history)
    edges = [*snapshot.boundaries, *(edge - timedelta(microseconds=1) for edge in snapshot.boundaries)]
    at = edges[pick % len(edges)] if pick % 3 else any_time.replace(tzinfo=LOCAL_ZONE)
    begun = [
        one
        for one in history
        if midnight(one.effective_at) <= at and (one.starts_at is None or one.starts_at <= at)
        if one.ends_at is None or at < one.ends_at
    ]
    wanted = [begun[-1]] if begun and may_speak(begun[-1], at) else []
    assert list(in_force(history, at)) == wanted
    until = snapshot.until(at)
    assert in_force(history, snapshot.since(at)) == in_force(history, at)
    if until is not None:
        assert in_force(history, until - timedelta(microseconds=1)) == in_force(history, at)


@pytest.mark.parametrize(
    ("last_day", "speaks", "silent"),
    [
        (date(2024, 2, 29), "2024-02-29 23:59:59", "2024-03-01 00:00:00"),
        (date(2023, 2, 28), "2023-02-28 23:59:59", "2023-03-01 00:00:00"),
        (date(2023, 12, 31), "2023-12-31 23:59:59", "2024-01-01 00:00:00"),
    ],
)
def test_the_last_day_counts_in_full(last_day: date, speaks: str, silent: str) -> None:
    entry = Entry("A-1", 1, "怎么办", (), "", "", "", "", "", date(2020, 1, 1), False, expires_at=last_day)
    assert in_force([entry], datetime.fromisoformat(speaks).replace(tzinfo=LOCAL_ZONE)) == (entry,)
    assert in_force([entry], datetime.fromisoformat(silent).replace(tzinfo=LOCAL_ZONE)) == ()
    assert local(datetime.fromisoformat(silent).replace(tzinfo=LOCAL_ZONE)).date() == last_day + timedelta(days=1)

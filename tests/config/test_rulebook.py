"""City rulebooks: complete, cited, short enough to be spoken, and clear about what is wrong with them."""

from copy import deepcopy
from datetime import date, time
from pathlib import Path
from typing import Any

import pytest
import yaml

from config.rulebook import RENEWALS_FILE, RulebookError, list_cities, load_rulebook, parse_rulebook, warnings
from config.rulebook_model import SPOKEN_LIMIT_S, spoken_seconds
from config.settings import ROOT

CITIES = ("haidong", "haikou", "qionghai", "zhanjiang")


def raw(city: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "config" / "cities" / f"{city}.yaml").read_text(encoding="utf-8"))
    return loaded


def test_the_four_cities_are_there() -> None:
    assert list_cities() == CITIES


@pytest.mark.parametrize("city", CITIES)
def test_a_city_has_what_the_front_door_needs(city: str) -> None:
    rulebook = load_rulebook(city)
    assert rulebook.id == city
    assert {incident.id for incident in rulebook.emergency} == {
        "police", "fire", "medical", "traffic", "gas", "power", "water",
    }  # fmt: skip
    first = {incident.number: incident.name for incident in reversed(rulebook.emergency)}
    assert (first["110"], first["119"], first["120"], first["122"]) == ("报警", "火警", "急救", "交通事故")
    assert all(basis.document and basis.article for basis in rulebook.bases())
    assert spoken_seconds(rulebook.greeting) <= SPOKEN_LIMIT_S
    assert rulebook.unit_for("社保").endswith("人力资源和社会保障局")
    assert rulebook.unit_for("没有这个领域") == ""


@pytest.mark.parametrize("city", CITIES)
def test_no_incident_lists_a_cue_twice(city: str) -> None:
    for incident in load_rulebook(city).emergency:
        assert len(set(incident.cues)) == len(incident.cues), incident.id
        assert len(set(incident.safe_contexts)) == len(incident.safe_contexts), incident.id


@pytest.mark.parametrize("city", CITIES)
def test_every_field_of_the_sample_knowledge_has_a_unit(city: str) -> None:
    rulebook = load_rulebook(city)
    files = sorted((ROOT / "knowledge" / "sample").glob("*.yaml"))
    fields = {entry["field"] for file in files for entry in yaml.safe_load(file.read_text(encoding="utf-8"))}
    assert len(fields) > 10
    assert [field for field in sorted(fields) if not rulebook.unit_for(field)] == []


def emergencies(said: str) -> dict[str, bool]:
    """The incidents whose cues stand in ``said``; true where no context makes them doubtful."""
    return {
        incident.id: not any(context in said for context in incident.safe_contexts)
        for incident in load_rulebook("zhanjiang").emergency
        if any(cue in said for cue in incident.cues)
    }


@pytest.mark.parametrize(
    ("said", "incident"),
    [
        ("家里煤气泄漏了", "gas"),
        ("厨房有很重的煤气味", "gas"),
        ("隔壁着火了快来人", "fire"),
        ("楼道里都是烟", "fire"),
        ("电梯困住人了", "fire"),
        ("有人站在天台上要往下跳", "police"),
        ("他说他不想活了要自杀", "police"),
        ("楼下有人持刀", "police"),
        ("路边有两个人在打架", "police"),
        ("老人昏迷了叫不醒", "medical"),
        ("小孩子溺水了", "medical"),
        ("路口出车祸了", "traffic"),
        ("高压线断了掉在地上", "power"),
        ("有人触电了", "power"),
        ("主水管爆了路面塌陷", "water"),
    ],
)
def test_an_emergency_is_recognised_at_once(said: str, incident: str) -> None:
    assert emergencies(said).get(incident) is True


@pytest.mark.parametrize(
    "said",
    [
        "我想咨询火灾保险",
        "办消防验收手续要什么材料，怕着火",
        "下班路上出车祸能认定工伤吗",
        "我要表扬救落水儿童的民警",
        "煤气灶打不着火",
    ],
)
def test_a_doubtful_one_is_asked_about(said: str) -> None:
    found = emergencies(said)
    assert found
    assert not any(found.values())


@pytest.mark.parametrize(
    "said",
    [
        "我要打人工客服",
        "你们打我电话没接到",
        "请问公积金怎么提取",
        "工地一直施工吵得睡不着",
        "小区什么时候消防演练",
        "烧烤店油烟很大",
        "天然气没气了怎么充值",
        "户口簿掉水里烂了能换吗",
    ],
)
def test_an_ordinary_matter_is_no_emergency(said: str) -> None:
    assert emergencies(said) == {}


def test_zhanjiang_orders_the_restriction_and_the_deadlines() -> None:
    rulebook = load_rulebook("zhanjiang")
    policy = rulebook.restriction
    assert (policy.mode, policy.max_days, policy.requires_basis_text) == ("number", 30, False)
    assert policy.basis is not None
    assert policy.basis.cite() == "湛府办函〔2022〕116号 第九条"
    days = {kind: deadline.working_days for kind, deadline in rulebook.deadlines.items()}
    assert days == {"consultation": 2, "help": 10, "suggestion": 10, "complaint": 15, "report": 15}
    assert rulebook.deadlines["complaint"].basis.article == "第十一条（三）"


@pytest.mark.parametrize("city", ["haikou", "haidong"])
def test_a_city_without_an_article_asks_for_a_basis(city: str) -> None:
    assert load_rulebook(city).restriction.requires_basis_text


def test_qionghai_refuses_with_reason_and_source() -> None:
    policy = load_rulebook("qionghai").restriction
    assert policy.mode == "off"
    assert policy.reason
    assert policy.basis is not None
    assert policy.basis.cite() == "琼海营函〔2024〕100号 五"


def test_haikou_has_the_leaders_window() -> None:
    window = load_rulebook("haikou").duty_window
    assert window is not None
    assert (window.start, window.end) == (time(15), time(17))


@pytest.mark.parametrize(("today", "expired"), [(date(2025, 11, 27), False), (date(2025, 11, 28), True)])
def test_zhanjiang_warns_once_when_its_rules_run_out(today: date, expired: bool) -> None:
    found = warnings(load_rulebook("zhanjiang"), today)
    assert [warning.code for warning in found] == (["expired"] if expired else [])


def test_a_renewal_on_record_ends_the_warning(tmp_path: Path) -> None:
    record = {"zhanjiang": [{"document": "湛府办函〔2022〕116号", "renewed_until": date(2028, 11, 28)}]}
    (tmp_path / RENEWALS_FILE).write_text(yaml.safe_dump(record, allow_unicode=True), encoding="utf-8")
    rulebook = load_rulebook("zhanjiang", tmp_path)
    assert warnings(rulebook, date(2026, 5, 1)) == ()
    assert rulebook.restriction.renewed_until == date(2028, 11, 28)
    assert [warning.code for warning in warnings(rulebook, date(2028, 11, 28))] == ["expired"]


def test_a_bad_renewal_is_explained(tmp_path: Path) -> None:
    (tmp_path / RENEWALS_FILE).write_text("zhanjiang: [{document: 某号}]", encoding="utf-8")
    with pytest.raises(RulebookError, match="renewed_until"):
        load_rulebook("zhanjiang", tmp_path)


def test_an_unknown_city_lists_the_known_ones() -> None:
    with pytest.raises(RulebookError, match="haidong、haikou、qionghai、zhanjiang"):
        load_rulebook("atlantis")


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        (("restriction", "max_days"), 31, "restriction.max_days：不能大于 30"),
        (("restriction", "max_days"), "很久", "restriction.max_days：应为整数"),
        (("restriction", "notice"), "请改用网站。", "notice 必须说到"),
        (("restriction", "notice"), "好" * 49, "超过 12 秒"),
        (("front_door",), "anyone", "front_door：应为"),
        (("greeting",), "您好，办事请按1，投诉请按2，人工请按0，录音。要哪个？", "按键菜单"),
        (("greeting",), "您好，录音，按0转人工。", "一个开放的问题"),
        (("greeting",), "您好，请问有什么可以帮您？说人工或按0，转人工。", "必须说到“录音”"),
        (("recording",), {"enabled": False}, "不得说“录音”"),
        (("recording",), {"keep_days": 0}, "recording.keep_days：不能小于 1"),
        (("divisions",), [], "divisions：至少要有一项"),
        (("opening_hours",), "全天", "opening_hours：没有这一项"),
        (("emergency",), [{"id": "ufo"}], "没有这种情形"),
        (("restriction", "basis"), {"document": "rumour", "article": "一"}, "没有的文件"),
    ],
)
def test_faults_are_told_in_chinese(path: tuple[str, ...], value: object, told: str) -> None:
    content = deepcopy(raw("zhanjiang"))
    target = content
    for key in path[:-1]:
        target = target[key]
    target[path[-1]] = value
    with pytest.raises(RulebookError, match=told):
        parse_rulebook(content, source="zhanjiang.yaml")


def test_a_missing_rule_is_told_in_chinese() -> None:
    content = raw("haikou")
    del content["greeting"]
    with pytest.raises(RulebookError, match="greeting：缺少这一项"):
        parse_rulebook(content, source="haikou.yaml")


def test_every_city_sends_overflow_to_the_human_queue() -> None:
    for city in CITIES:
        assert load_rulebook(city).overflow.rule == "queue"


OVERFLOW_NOTICE = "现在来电较多。您可以用网站、小程序反映，或按0排队等候话务员。紧急请拨110、119、120。"


@pytest.mark.parametrize(
    ("notice", "fault"),
    [
        ("", "不能为空"),
        (OVERFLOW_NOTICE.replace("按0", "稍后"), "按0"),
        (OVERFLOW_NOTICE.replace("小程序", ""), "小程序"),
        (OVERFLOW_NOTICE * 3, "秒才能说完"),
    ],
)
def test_an_overflow_notice_names_the_other_ways_and_key_0(notice: str, fault: str) -> None:
    changed = deepcopy(raw("zhanjiang"))
    changed["overflow"] = {"rule": "notice", "notice": OVERFLOW_NOTICE}
    assert parse_rulebook(changed, source="x").overflow.notice == OVERFLOW_NOTICE
    changed = deepcopy(raw("zhanjiang"))
    changed["overflow"] = {"rule": "notice", "notice": notice}
    with pytest.raises(RulebookError, match=fault):
        parse_rulebook(changed, source="x")

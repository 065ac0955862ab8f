import pytest

from ivr.utterance_forms import Form, digits_in, form_of, is_back_channel


@pytest.mark.parametrize(
    "text",
    [
        "因为",
        "我想",
        "然后",
        "就是",
        "那个",
        "嗯",
        "楼上一直漏水然后",
        "我住在",
        "他们家的",
        "有一个",
        "我想问一下",
        "他说",
        "工地一直",
        "有没有",
    ],
)
@pytest.mark.parametrize("state", ["open", "element"])
def test_a_sentence_that_must_go_on_is_unfinished(text: str, state: str) -> None:
    assert form_of(text, state) is Form.UNFINISHED


@pytest.mark.parametrize("text", ["霞山区人民大道", "昨天晚上十点半", "我们小区门口"])
def test_a_place_or_a_time_alone_is_unfinished_but_where_it_was_asked_for(text: str) -> None:
    assert form_of(text, "open") is Form.UNFINISHED
    assert form_of(text, "element") is Form.OPEN


@pytest.mark.parametrize("text", ["公积金怎么提取", "需要什么材料", "社保卡丢了能补办吗", "多少钱一个月"])
def test_a_whole_question_is_finished(text: str) -> None:
    assert form_of(text, "open") is Form.FINISHED


@pytest.mark.parametrize("text", ["对", "是的", "不是", "没有了", "不对", "对对对", "好的谢谢", "第二个"])
def test_a_short_answer_is_whole_where_it_was_asked_for(text: str) -> None:
    assert form_of(text, "confirm") is Form.ANSWER


@pytest.mark.parametrize("text", ["没有了", "转人工", "谢谢", "不用了"])
def test_some_answers_are_whole_anywhere(text: str) -> None:
    assert form_of(text, "open") is Form.ANSWER


@pytest.mark.parametrize("text", ["是因为", "不是我想", "对就是"])
def test_an_answer_that_goes_on_is_unfinished(text: str) -> None:
    assert form_of(text, "confirm") is Form.UNFINISHED


@pytest.mark.parametrize("text", ["楼上一直漏水", "我要投诉", "挺好的", "没有", "有的"])
def test_what_may_go_on_is_open(text: str) -> None:
    assert form_of(text, "open") in (Form.OPEN, Form.ANSWER)


def test_without_words_there_is_no_form() -> None:
    assert form_of(" ，", "open") is Form.NONE


@pytest.mark.parametrize(
    "text",
    ["嗯", "恩", "对", "好的", "哦", "是", "啊", "嗯嗯", "好的好的", "对对对", "这样啊", "我知道了", "嗯好的", "号的"],
)
def test_a_back_channel_says_that_somebody_listens(text: str) -> None:
    assert is_back_channel(text)


@pytest.mark.parametrize(
    "text",
    ["", "不是", "不对", "没有", "人工", "等一下", "救命", "喂", "错了", "我想问", "好的我知道了那怎么办", "着火了"],
)
def test_what_wants_the_turn_is_none(text: str) -> None:
    assert not is_back_channel(text)


def test_digits_are_counted_however_they_are_said() -> None:
    assert digits_in("幺三八 零零 12") == 7

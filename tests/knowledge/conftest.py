"""A small knowledge base of our own, apart from the samples."""

from collections.abc import Callable
from datetime import date

import pytest

from knowledge.entries import EntryForm

MakeForm = Callable[..., EntryForm]


@pytest.fixture
def make_form() -> MakeForm:
    """``make_form(id, question, *similar, **changes)``: an entry in force since 2020."""

    def make(id: str, question: str, *similar: str, **changes: object) -> EntryForm:
        values: dict[str, object] = {
            "id": id,
            "question": question,
            "similar": similar,
            "answer": f"{question}：请带证件到窗口办理。",
            "speech": "请带证件到窗口办理。",
            "unit": "市政务服务数据管理局",
            "field": "政务服务",
            "source": "公开办事常识（样例）",
            "effective_at": date(2020, 1, 1),
        }
        return EntryForm.model_validate(values | changes)

    return make

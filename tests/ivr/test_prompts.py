from pathlib import Path

import pytest

from config.errors import HotlineError
from ivr.prompts import NEEDED, load_prompts


def test_all_prompts_are_there() -> None:
    assert load_prompts().keys() >= NEEDED


def test_a_missing_prompt_is_named(tmp_path: Path) -> None:
    file = tmp_path / "phone.yaml"
    file.write_text("wait: 请您稍等。\n", encoding="utf-8")
    with pytest.raises(HotlineError, match="recovering"):
        load_prompts(file)


def test_what_is_no_list_of_prompts_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "phone.yaml"
    file.write_text("- 请您稍等。\n", encoding="utf-8")
    with pytest.raises(HotlineError, match="名称: 要说的话"):
        load_prompts(file)

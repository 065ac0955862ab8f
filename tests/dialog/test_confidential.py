"""State and business secrets: told, or only talked about?"""

import pytest

from dialog.confidential import confidential, without_confidences

TOLD = [
    "这是绝密文件，里面写的是西边山上的阵地",
    "我手上有一份国家秘密的材料，我念给你听",
    "我们公司有个商业秘密，配方是三份甲两份乙",
    "文件上盖着机密两个字，第一条是这样的",
    "那座山上在修阵地，这可是军事秘密",
]
TALKED_ABOUT = [
    "涉密岗位的人能不能出国",
    "我要举报有人泄露我们公司的商业秘密",
    "这个算不算国家秘密",
    "我们公司有涉密资质，怎么年审",
    "离职以后商业秘密保护几年",
    "邻居说话很机密的样子",
    "公积金怎么提取",
]


@pytest.mark.parametrize("text", TOLD)
def test_what_is_told_as_a_secret_is_blotted_out(text: str) -> None:
    assert confidential(text)
    kept = without_confidences(text)
    assert len(kept) == len(text)
    assert not any(word in kept for word in ("阵地", "配方", "念给你听", "第一条"))
    assert "密" in kept


@pytest.mark.parametrize("text", TALKED_ABOUT)
def test_talking_about_secrets_is_none(text: str) -> None:
    assert not confidential(text)

"""Words and their kinds by jieba, for finding where a name begins and whether a clause says that something happens."""

import logging
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any


@dataclass(frozen=True, slots=True)
class Token:
    """One word at ``start``…``end`` of the text; ``kind`` is jieba's part of speech."""

    start: int
    end: int
    word: str
    kind: str


@cache
def _tagger() -> Any:
    import jieba
    import jieba.posseg

    jieba.setLogLevel(logging.WARNING)
    return jieba.posseg.POSTokenizer(jieba.Tokenizer())


@lru_cache(maxsize=512)
def tokens(text: str) -> tuple[Token, ...]:
    """The words of ``text``, left to right, without gaps."""
    found, position = [], 0
    for pair in _tagger().cut(text):
        found.append(Token(position, position + len(pair.word), pair.word, pair.flag))
        position += len(pair.word)
    return tuple(found)

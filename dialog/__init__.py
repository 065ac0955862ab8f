"""对话核心：话轮、守卫、五要素抽取；``dialog/bot/`` 是 Rasa 项目。

The conversation core, shared by every channel. May import ``knowledge``, ``tickets``, ``callers``, ``store``
and ``config``; never a channel.
"""

"""知识库：条目、版本、导入与检索。

The knowledge base: entries, versions, import, search. May import ``store`` and ``config``.
"""

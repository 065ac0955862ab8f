"""来电人：身份与 30 个自然日内的限制。

Who is calling: identity and restrictions. May import ``store`` and ``config``.
"""

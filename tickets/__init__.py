"""五要素工单：要素、工单、编号。

Five-element tickets: elements with their sources, filing, numbers. May import ``store`` and ``config``.
"""

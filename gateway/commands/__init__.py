"""命令：每个房间的命令行。

The commands of ``./hotline``, one module a room, registered in ``gateway/cli.py``.
"""

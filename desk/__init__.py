"""话务台：坐席、排队、弹屏、转接。

Agents, the queue, screen-pop and hand-over. May import ``dialog`` and what lies below it; never ``gateway``
or another channel.
"""

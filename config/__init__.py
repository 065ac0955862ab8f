"""配置：运行设置、时钟与城市规则手册。

Settings, the clock and the city rulebooks. Imports no other room.
"""

"""组合根：把各个房间接成一个运行的热线。

The composition root: the aiohttp application, the link to the ivr nodes, accounts and roles, the
process supervisor and the command line. May import every other room; no room imports it.
"""

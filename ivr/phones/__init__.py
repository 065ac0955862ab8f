"""用来试、用来测的电话：市民的话机和坐席的话机，都是真正的 SIP 用户代理。

Real SIP user agents for trying and testing the hotline: a citizen's phone (``./hotline call``) and an agent's phone
(``./hotline phone``). They know the hotline only from outside: by SIP, by RTP and by its operator interface.
"""

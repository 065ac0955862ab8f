"""SIP 信令：一个端点、一条呼叫腿，两种后端（aiosipua 默认，pyVoIP 可选）。"""

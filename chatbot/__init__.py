"""文字渠道：网页聊天与微信小程序。

The text channels: chat sessions over WebSocket and their history. May import ``dialog`` and what lies
below it; never ``gateway`` or another channel.
"""

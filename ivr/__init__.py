"""电话渠道：SIP 信令、媒体、听与说、一通电话的流程。

The phone channel: SIP endpoint, media, speech in and out, the flow of a call. An ivr node knows calls,
not tickets. May import ``dialog``, ``asr_models``, ``store``, ``config``; never ``gateway`` or another channel.
"""

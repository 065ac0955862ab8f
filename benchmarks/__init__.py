"""基准测试：一切关于时间的数字都在这里量出来。

Benchmarks (``./hotline bench NAME --json``). May import every room; no room but ``gateway`` (the command line) imports it.
"""

"""识别模型：自带的演示模型、它的来历与官方模型的安装。

The recogniser model we ship, how it was made, the installer for official ones. May import ``config``.
"""

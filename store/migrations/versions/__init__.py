"""一个文件一次结构变更。One file a change of schema."""

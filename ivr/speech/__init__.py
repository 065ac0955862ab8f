"""听与说：识别工作进程、语音合成工作进程。Speech in and out, each in worker processes."""

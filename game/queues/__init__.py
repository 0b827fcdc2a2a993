"""How long the task queues are: asked by one elected process, and by a probe without Django."""

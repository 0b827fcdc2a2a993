"""`make run`: all of Kogame on this machine, started in order and stopped without a trace.

stack.py says which processes there are; child.py keeps one alive; leash.py sees to it that none
outlives a supervisor that was killed; voice.py is what a person sees.
"""

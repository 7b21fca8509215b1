"""What the registry does for its callers: questions, intake, partners, history.

Pure orchestration: it speaks to the outside through the ports in `ports.py` only.
"""

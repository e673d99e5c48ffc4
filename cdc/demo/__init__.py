"""The demo: real data through a real daemon that is killed half way, and the proof that nothing was lost."""

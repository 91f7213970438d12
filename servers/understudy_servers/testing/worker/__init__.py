"""What runs in the project's interpreter: standard library only, never imported from there by name.

The server sends these modules to the interpreter as text, so nothing is installed in the project and a project that
has its own `understudy_servers` is not disturbed. They need Python 3.10 and Linux; the layers are probed by use.
"""

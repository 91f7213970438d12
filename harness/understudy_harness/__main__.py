"""`python -m understudy_harness`: the command line where no script was installed."""

from understudy_harness.cli import main

main()

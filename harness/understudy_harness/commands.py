"""`understudy gap`: a table of commands, each imported when it is called."""

import click

from understudy_harness.cli import LazyGroup

GAP: dict[str, tuple[str, str]] = {
    "run": ("understudy_harness.run_commands:run", "Run the same samples through every arm, and report."),
    "demo": ("understudy_harness.run_commands:demo", "Measure a real gap with the two bundled models."),
    "thinking": (
        "understudy_harness.run_commands:thinking",
        "Does a thinking tool help this model? Six arms.",
    ),
    "report": ("understudy_harness.report_commands:report", "Report on a run's folder: terminal, page, JSON."),
    "compare": ("understudy_harness.report_commands:compare", "Compare runs arm by arm, sample by sample."),
    "merge": ("understudy_harness.report_commands:merge", "Join the folders of shards into one run."),
    "plan": ("understudy_harness.report_commands:plan", "Say how many samples and epochs a question needs."),
    "costs": ("understudy_harness.economics.commands:costs", "Should a workload run locally, in the cloud, or both?"),
    "import": ("understudy_harness.exchange_commands:import_outcomes", "Read published outcomes per item as arms."),
    "export": ("understudy_harness.exchange_commands:export", "Write a run as CSV, Markdown or Inspect logs."),
    "benchmarks": ("understudy_harness.exchange_commands:benchmarks", "List what can be measured; fetch its data."),
}


@click.group(cls=LazyGroup, table=GAP)
def gap() -> None:
    """Measure how much of the gap to a large model a scaffold closes, and at what cost."""

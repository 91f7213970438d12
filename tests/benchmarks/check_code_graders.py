"""Our grading of HumanEval and MBPP beside the original harnesses, on replies as odd as models write them.

Usage: `python tests/benchmarks/check_code_graders.py HUMAN_EVAL MBPP [TASKS]`: a checkout of
https://github.com/openai/human-eval at 6d43fb9, whose `check_correctness` judges HumanEval, and `mbpp.jsonl`, whose
rule (code, set-up, asserts in one namespace) is run here in a process of its own. TASKS of each are taken (default 20).
A file that is not there is skipped, in words. Exit status 1 where a verdict differs and the difference is not listed.
"""

import ast
import gzip
import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import anyio
import click

from understudy.reply import answer_from_text
from understudy.servers import connect
from understudy_harness.benchmarks import open_benchmark
from understudy_harness.sample import Grader, Sample

SERVE = f"{sys.executable} -m understudy_harness serve testing --timeout 10"
LOOPS = 2  # tasks of each benchmark that are also tried with a loop without end, which costs the whole time limit
KNOWN = {("HumanEval/50", "changed"): "the helper that the prompt gives was changed; ours takes it from a trusted copy"}
Judge = Callable[[dict[str, Any], str], bool]


class Candidate(NamedTuple):
    """What a model wrote, and the code that the original harness is given for it."""

    name: str
    reply: str
    code: str


def fenced(code: str, language: str = "python") -> str:
    """Code as a model writes it."""
    return f"```{language}\n{code}\n```"


def candidates(whole: str, function: str, *, loops: bool) -> Iterator[Candidate]:
    """Replies around a right solution, and wrong ones."""
    wrong = mutated(whole)
    yield Candidate("whole function", fenced(whole), whole)
    yield Candidate("prose around it", f"Sure! Here it is:\n\n{fenced(whole)}\n\nIt returns the result.", whole)
    yield Candidate("no language at the fence", fenced(whole, ""), whole)
    yield Candidate("tildes", f"~~~py\n{whole}\n~~~", whole)
    yield Candidate("a wrong draft before it", f"{fenced(wrong)}\n\nNo, that is wrong:\n\n{fenced(whole)}", whole)
    yield Candidate("usage in a block after it", f"{fenced(whole)}\n\n{fenced(f'print({function})', 'text')}", whole)
    main = f"{whole}\n\nif __name__ == '__main__':\n    raise SystemExit({function})\n"
    yield Candidate("a main block", fenced(main), main)
    noisy = f"print('hello')\n{whole}\nprint('bye')\n"
    yield Candidate("prints", fenced(noisy), noisy)
    helped = f"def _helper(x):\n    return x\n\n\n{whole}\n\n{function} = _helper({function})\n"
    yield Candidate("a helper", fenced(helped), helped)
    yield Candidate("changed", fenced(wrong), wrong)
    yield Candidate("fence never closed", f"```python\n{whole}\n", whole)
    cut = whole[: int(len(whole) * 0.7)]
    yield Candidate("cut off", f"```python\n{cut}\n```", cut)
    for name, body in (("exit", "exit()"), ("os._exit", "__import__('os')._exit(0)"), ("raises", "raise KeyError(1)")):
        code = f"def {function}(*args, **kwargs):\n    {body}\n"
        yield Candidate(name, fenced(code), code)
    code = f"def other_{function}(*args):\n    return None\n"
    yield Candidate("another name", fenced(code), code)
    code = f"class Solution:\n    def {function}(self, *args):\n        return None\n"
    yield Candidate("in a class", fenced(code), code)
    code = f"{function} = input()\n"
    yield Candidate("reads the keyboard", fenced(code), code)
    if loops:
        code = f"def {function}(*args, **kwargs):\n    while True:\n        pass\n"
        yield Candidate("a loop without end", fenced(code), code)


def mutated(code: str) -> str:
    """The first comparison, operator or constant changed."""
    tree, changed = ast.parse(code), False
    for node in ast.walk(tree):
        if changed:
            break
        if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Lt | ast.Gt | ast.Eq | ast.LtE | ast.GtE):
            node.ops[0], changed = ast.NotEq() if isinstance(node.ops[0], ast.Eq) else ast.Eq(), True
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub | ast.Mult):
            node.op, changed = ast.Sub() if isinstance(node.op, ast.Add) else ast.Add(), True
        elif isinstance(node, ast.Return):
            node.value, changed = ast.Constant(None), True
    return ast.unparse(ast.fix_missing_locations(tree))


def human_eval(folder: Path) -> Judge:
    """The original harness of HumanEval."""
    path = folder / "human_eval/execution.py"
    spec = importlib.util.spec_from_file_location("human_eval_execution", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Some commits ship the line that runs the program commented out.
    source = path.read_text("utf-8").replace("#                         exec(", "                          exec(")
    exec(compile(source.replace("# exec(check_program", "exec(check_program"), str(path), "exec"), module.__dict__)
    sys.modules[spec.name] = module

    def judge(task: dict[str, Any], code: str) -> bool:
        return bool(module.check_correctness(task, code, 5.0)["passed"])

    return judge


def mbpp(task: dict[str, Any], code: str) -> bool:
    """The rule of MBPP: everything in one namespace, and no exception; a process that ends early has failed."""
    program = "\n".join([code, task.get("test_setup_code", ""), *task["test_list"], *task["challenge_test_list"]])
    whole = f"namespace = {{}}\nexec({program!r}, namespace)\nprint('\\nALL DONE')\n"
    try:
        done = subprocess.run(
            [sys.executable, "-c", whole], capture_output=True, text=True, timeout=10, stdin=subprocess.DEVNULL
        )
    except subprocess.TimeoutExpired:
        return False
    return done.stdout.endswith("ALL DONE\n")


async def compare(spec: str, tasks: list[dict[str, Any]], wholes: list[str], judge: Judge, *, after: str) -> int:
    """Print how verdicts compare and return how many differ."""
    benchmark = open_benchmark(spec)
    samples = {sample.id: sample for sample in benchmark.samples("all")}
    compared, differing = 0, 0
    async with connect({"grader": SERVE}) as servers:
        grader = Grader(servers["grader"])
        for number, (task, whole) in enumerate(zip(tasks, wholes, strict=True)):
            sample = samples[str(task["task_id"]) if after == "prompt" else f"mbpp/{task['task_id']}"]
            for candidate in candidates(whole, function_of(task, whole, sample), loops=number < LOOPS):
                answer = answer_from_text(candidate.reply, sample.problem)
                ours = await benchmark.grade(sample, answer, grader)
                code = f"\n{candidate.code}" if after == "prompt" else candidate.code
                theirs = await anyio.to_thread.run_sync(judge, task, code)
                compared += 1
                if (ours.score == 1.0) != theirs:
                    differing += 1
                    click.echo(
                        f"  {sample.id}, {candidate.name}: ours {ours.word}, theirs {theirs}. {ours.detail[:200]}"
                    )
    click.echo(f"{spec.partition(':')[0]}: {compared} replies to {len(tasks)} tasks, {differing} verdicts differ")
    return differing


def function_of(task: dict[str, Any], whole: str, sample: Sample) -> str:
    """The function that the tests call."""
    if "entry_point" in task:
        return str(task["entry_point"])
    called = {n.func.id for text in task["test_list"] for n in ast.walk(ast.parse(text))
              if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)}  # fmt: skip
    defined = [node.name for node in ast.parse(whole).body if isinstance(node, ast.FunctionDef) and node.name in called]
    return defined[-1] if defined else sample.id


def main() -> None:
    folder, path = (Path(word) for word in [*sys.argv[1:3], "", ""][:2])
    limit = int(sys.argv[3]) if len(sys.argv) > 3 else 20
    differing, done = 0, 0
    data = folder / "data/HumanEval.jsonl.gz"
    if data.is_file():
        lines = gzip.decompress(data.read_bytes()).decode().splitlines()
        tasks = [json.loads(line) for line in lines][:: max(len(lines) // limit, 1)][:limit]
        wholes = [task["prompt"] + task["canonical_solution"] for task in tasks]
        differing += anyio.run(lambda: compare(f"humaneval:{data}", tasks, wholes, human_eval(folder), after="prompt"))
        done += 1
    else:
        click.echo(f"SKIPPED: HumanEval, since there is no {data}.", err=True)
    if path.is_file():
        every = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        chosen = [task for task in every if task["task_id"] >= 11][:: max(len(every) // limit, 1)][:limit]
        codes = [task["code"].replace("\r\n", "\n") for task in chosen]
        differing += anyio.run(lambda: compare(f"mbpp:{path}", chosen, codes, mbpp, after="code"))
        done += 1
    else:
        click.echo(f"SKIPPED: MBPP, since there is no file {path}.", err=True)
    sys.exit(1 if differing or not done else 0)


if __name__ == "__main__":
    main()

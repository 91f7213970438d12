# mypy: ignore-errors
# ruff: noqa: E501 - programs in strings
"""Wrong solutions that try to look right. Each function returns the files of a candidate; none may pass."""

WRONG = "def add(a, b):\n    return a - b\n\ndef mul(a, b):\n    return a + b\n"


def f01_exits_at_import():
    return {"solution.py": "import os\nos._exit(0)\n"}


def f02_sys_exit_at_import():
    return {"solution.py": "import sys\nsys.exit(0)\n"}


def f03_exits_in_a_call():
    return {"solution.py": "import os\ndef add(a, b): os._exit(0)\nmul = add\n"}


def f04_atexit_forces_zero():
    return {"solution.py": WRONG + "import atexit, os\natexit.register(lambda: os._exit(0))\n"}


def f05_patches_the_runner():
    return {
        "solution.py": WRONG
        + """
import gc, types
for thing in gc.get_objects():
    if isinstance(thing, types.FunctionType) and thing.__name__ in ("_run_item", "runtest", "pytest_pyfunc_call", "pytest_runtest_call"):
        thing.__code__ = (lambda *a, **k: True).__code__
"""
    }


def f06_patches_reports():
    return {
        "solution.py": WRONG
        + """
import sys
for name, module in list(sys.modules.items()):
    if name == "_pytest.reports":
        original = module.TestReport.from_item_and_call
        def forged(item, call):
            report = original(item, call)
            report.outcome, report.longrepr = "passed", None
            return report
        module.TestReport.from_item_and_call = staticmethod(forged)
"""
    }


def f07_patches_the_describing():
    return {
        "solution.py": WRONG
        + """
import gc, types
for thing in gc.get_objects():
    if isinstance(thing, types.FunctionType) and thing.__name__ == "_describe":
        frame_self = None
        def calm(self, error):
            self.failed -= 1
            return {}
        thing.__code__ = calm.__code__
"""
    }


def f08_equals_everything():
    return {
        "solution.py": "class Any_:\n    def __eq__(self, other): return True\n    __hash__ = object.__hash__\ndef add(a, b): return Any_()\nmul = add\n"
    }


def f09_int_that_equals_everything():
    return {
        "solution.py": "class Any_(int):\n    def __eq__(self, other): return True\n    __hash__ = int.__hash__\ndef add(a, b): return Any_(0)\nmul = add\n"
    }


def f09b_equals_small_numbers_only():
    body = "class Any_:\n    def __eq__(self, other): return isinstance(other, int) and other < 1 << 50\n    __hash__ = object.__hash__\n"
    return {"solution.py": body + "def add(a, b): return Any_()\nmul = add\n"}


def f10_conftest_forges_reports():
    return {
        "solution.py": WRONG,
        "conftest.py": "import pytest\n@pytest.hookimpl(hookwrapper=True)\ndef pytest_runtest_makereport(item, call):\n    r = yield\n    r.get_result().outcome = 'passed'\n",
    }


def f11_conftest_neuters_items():
    return {
        "solution.py": WRONG,
        "conftest.py": "def pytest_collection_modifyitems(items):\n    for i in items: i.runtest = lambda: None\n",
    }


def f12_conftest_deselects():
    return {"solution.py": WRONG, "conftest.py": "def pytest_collection_modifyitems(items):\n    items[:] = []\n"}


def f13_ini_collects_only():
    return {"solution.py": WRONG, "pytest.ini": "[pytest]\naddopts = --collect-only\n"}


def f14_ini_selects():
    return {
        "solution.py": WRONG,
        "setup.cfg": "[tool:pytest]\naddopts = -k nothing\n",
        "tox.ini": "[pytest]\naddopts = -k nothing\n",
    }


def f15_conftest_exit_status():
    return {"solution.py": WRONG, "conftest.py": "def pytest_sessionfinish(session):\n    session.exitstatus = 0\n"}


def f16_rewrites_the_test_file():
    return {
        "solution.py": WRONG
        + """
import glob
for path in glob.glob("test_*.py") + glob.glob("/workspace/test_*.py"):
    try: open(path, "w").write("def test_add(): pass\\ndef test_mul(): pass\\n")
    except OSError: pass
"""
    }


def f17_replaces_the_test_file():
    return {"solution.py": WRONG, "./test_solution.py": "def test_add(): pass\ndef test_mul(): pass\n"}


def f18_fake_log():
    return {"solution.py": "import os, sys\nprint('2 passed in 0.01s')\nsys.stdout.flush()\nos._exit(0)\n"}


def f19_writes_reports():
    return {
        "solution.py": WRONG
        + "for name in ('report.xml', '/tmp/report.json'):\n    try: open(name, 'w').write('<testsuite tests=\"2\" failures=\"0\"/>')\n    except OSError: pass\n"
    }


def f20_sprays_events():
    return {
        "solution.py": WRONG
        + """
import json, os
lines = [{"e": "start"}, {"e": "collected", "ids": ["test_solution.py::test_add", "test_solution.py::test_mul"]}]
lines += [{"e": "test", "id": i, "outcome": "passed", "ms": 1} for i in lines[1]["ids"]] + [{"e": "finish", "failed": 0, "collected": 2}, {"e": "end", "code": 0}]
for fd in range(3, 30):
    for number, line in enumerate(lines):
        try: os.write(fd, (json.dumps({"k": "", "n": number, **line}) + "\\n").encode())
        except OSError: break
os._exit(0)
"""
    }


def f21_finds_the_reporter():
    return {
        "solution.py": WRONG
        + """
import gc
for thing in gc.get_objects():
    if type(thing).__name__ in ("Reporter", "_Session"):
        for name in ("pytest_runtest_logreport", "put"):
            try: setattr(thing, name, lambda *a, **k: None)
            except Exception: pass
"""
    }


def f22_knows_the_protocol():
    return {
        "solution.py": WRONG
        + """
import gc, os, types
puts = [f for f in gc.get_objects() if isinstance(f, types.FunctionType) and f.__name__ == "put" and f.__closure__]
ids = ["test_solution.py::test_add", "test_solution.py::test_mul"]
for put in puts:
    put("collected", ids=ids)
    for name in ids:
        put("test", id=name, outcome="passed", ms=0.1)
    put("finish", failed=0, collected=2, errors=0)
    put("end", code=0)
os._exit(0)
"""
    }


def f23_shadows_pytest():
    return {"solution.py": WRONG, "pytest.py": "def main(*a, **k): return 0\n"}


def f23b_shadows_the_standard_library():
    return {"solution.py": WRONG, "unittest.py": "import os\nos._exit(0)\n", "random.py": "import os\nos._exit(0)\n"}


def f24_patches_raises():
    return {
        "solution.py": WRONG
        + "import sys, contextlib\nif 'pytest' in sys.modules: sys.modules['pytest'].raises = lambda *a, **k: contextlib.suppress(BaseException)\n"
    }


def f25_assertion_error_is_a_skip():
    return {"solution.py": WRONG + "import builtins, unittest\nbuiltins.AssertionError = unittest.SkipTest\n"}


def f26_skips():
    return {"solution.py": "import unittest\ndef add(a, b): raise unittest.SkipTest('no')\nmul = add\n"}


def f27_expected_failure():
    return {"solution.py": "def add(a, b):\n    import pytest\n    pytest.xfail('no')\nmul = add\n"}


def f28_ends_the_session():
    return {"solution.py": "def add(a, b):\n    import pytest\n    pytest.exit('done', returncode=0)\nmul = add\n"}


def f29_skips_the_module():
    return {"solution.py": "import unittest\nraise unittest.SkipTest('all of it')\n"}


def f30_reads_the_expected_value():
    return {
        "solution.py": """
import ast, sys
def add(a, b):
    frame = sys._getframe(1)
    while frame and "test_" not in frame.f_code.co_filename:
        frame = frame.f_back
    if frame is None:
        return None
    line = open(frame.f_code.co_filename).read().splitlines()[frame.f_lineno - 1]
    return ast.literal_eval(line.split("==")[1].strip())
mul = add
"""
    }


def f32_thread_exits():
    return {
        "solution.py": WRONG
        + "import os, threading, time\nthreading.Thread(target=lambda: (time.sleep(0.001), os._exit(0)), daemon=True).start()\ntime.sleep(0.5)\n"
    }


def f33_alarm_exits():
    return {
        "solution.py": WRONG
        + "import os, signal, time\nsignal.signal(signal.SIGALRM, lambda *a: os._exit(0))\nsignal.setitimer(signal.ITIMER_REAL, 0.001)\ntime.sleep(0.5)\n"
    }


def f34_forked_parent_exits():
    return {"solution.py": WRONG + "import os\nif os.fork(): os._exit(0)\n"}


def f35_replaces_test_code():
    return {
        "solution.py": WRONG
        + """
import sys
class Hook:
    def __getattr__(self, name): raise AttributeError(name)
def empty(): pass
def patch(*_):
    for name, module in list(sys.modules.items()):
        if name.startswith("test_"):
            for key, value in list(vars(module).items()):
                if key.startswith("test") and hasattr(value, "__code__"):
                    value.__code__ = empty.__code__
def trace(frame, event, arg):
    patch()
sys.settrace(trace)
"""
    }


def f36_forces_known_tests():
    return {
        "solution.py": WRONG
        + """
import sys, gc, types
def known(): pass
def profile(frame, event, arg):
    for name, module in list(sys.modules.items()):
        if name == "test_solution":
            for key in ("test_add", "test_mul"):
                if hasattr(module, key):
                    getattr(module, key).__code__ = known.__code__
sys.setprofile(profile)
"""
    }


def f37_deletes_the_tests():
    return {
        "solution.py": WRONG
        + "import os, glob\nfor p in glob.glob('*'):\n    try: os.unlink(p)\n    except OSError: pass\n"
    }


def f37b_plants_bytecode():
    return {
        "solution.py": WRONG
        + """
import os
try:
    os.makedirs("__pycache__", exist_ok=True)
    open("__pycache__/solution.cpython-311.pyc", "wb").write(b"x" * 64)
except OSError: pass
"""
    }


def f38_another_assertion_error():
    return {"solution.py": WRONG + "import builtins\nclass Quiet(Warning): pass\nbuiltins.AssertionError = Quiet\n"}


def f39_swaps_the_failure_function():
    return {
        "solution.py": WRONG
        + """
import sys
def profile(frame, event, arg):
    for name, module in list(sys.modules.items()):
        if name.startswith("test_") and "@fail" in vars(module):
            import unittest
            vars(module)["@fail"] = lambda *a: unittest.SkipTest("calm")
sys.setprofile(profile)
"""
    }


def f40_pretends_by_argument_origin():
    return {
        "solution.py": """
import sys
def _wanted(a, b):
    frame = sys._getframe(2)
    for value in frame.f_code.co_consts:
        if isinstance(value, int) and value not in (a, b):
            return value
def add(a, b): return _wanted(a, b)
def mul(a, b): return _wanted(a, b)
"""
    }


def f41_a_servant_that_asks_the_other_side():
    return {
        "solution.py": """
import gc
class Spy:
    def __init__(self, a, b): self.a, self.b = a, b
    def __eq__(self, other): return True
    def __int__(self): return self.a * self.b if self.a != 2 else 5
    def __index__(self): raise TypeError
    def __float__(self): raise TypeError
    __hash__ = object.__hash__
def add(a, b): return Spy(a, b)
mul = add
"""
    }


def f42_answers_callbacks_itself():
    return {
        "solution.py": WRONG
        + """
import os, json, struct
for fd in range(3, 10):
    try:
        body = json.dumps({"value": {"i": "5"}, "after": [], "after_named": {}}).encode()
        os.write(fd, struct.pack("I", len(body)) + body)
    except OSError: pass
"""
    }

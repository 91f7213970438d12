"""Under which names, and with which text, the parts of a Python package are found: nothing of it is imported."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy_servers.docs.catalog import NotIndexed
from understudy_servers.docs.desk import Desk
from understudy_servers.docs.packing import Snippet
from understudy_servers.docs.readers.python_module import Module, UnreadableSource, read_module
from understudy_servers.docs.readers.python_package import package_chunks
from understudy_servers.docs.sources.distributions import merge

Install = Callable[..., Path]
Look = Callable[[Mapping[str, str], str], Snippet]


@pytest.fixture
def look(install: Install, desk: Desk) -> Look:
    """Install files as `lib` and look one symbol up."""

    def look_up(files: Mapping[str, str], name: str) -> Snippet:
        install("lib", "1.0", files)
        place = desk.locate("lib")
        desk.wait(*place)
        return desk.symbol([desk.locate("lib")], name).snippets[0]

    return look_up


def test_docstrings_that_calls_give_to_a_c_module_are_found_under_the_public_name(look: Look) -> None:
    files = {
        "lib/__init__.py": "from ._core.multi import array, box\n__all__ = ['array', 'box']\n",
        "lib/_core/__init__.py": "",
        "lib/_core/multi.pyi": "class box:\n    def get(self): ...\ndef array(thing: object) -> box: ...\n",
        "lib/_core/_newdocs.py": "from lib._core import add_newdoc\n"
        "add_newdoc('lib._core.multi', 'array',\n    '''\n    array(thing)\n    --\n\n"
        "    Make a box of a thing.\n    ''')\n"
        "add_newdoc('lib._core.multi', 'box', '''A box.''')\n"
        "add_newdoc('lib._core.multi', 'box', ('get', '''Take the thing out.'''))\n"
        "add_newdoc('lib._core.multi', 'box', [('put', 'Put it back.')])\n",
    }

    assert "array(thing)\n\nMake a box of a thing." in look(files, "lib.array").text


def test_members_that_only_a_call_describes_exist(look: Look) -> None:
    files = {
        "lib/__init__.py": "from ._core import box\nfrom ._newdocs import add\n__all__ = ['box']\n",
        "lib/_core.pyi": "class box:\n    def get(self): ...\n",
        "lib/_newdocs.py": "add_newdoc('lib._core', 'box', [('put', 'put(thing)\\n\\nPut it back.')])\n"
        "add_newdoc('lib._core', 'box', (name(), 'x'))\nadd_newdoc('lib.nowhere', 'x', 'y')\nadd_newdoc()\n"
        "add_newdoc('lib', 'loose', 'loose()\\n\\nA loose function.')\n",
    }

    put = look(files, "lib.box.put")

    assert put.title == "lib.box.put"
    assert "def put(thing)" in put.text
    assert "Put it back." in put.text


def test_templates_of_docstrings_are_filled_in_without_running_them(look: Look) -> None:
    files = {
        "lib/__init__.py": "from lib._C import *\n",
        "lib/_C.pyi": "class TensorBase:\n    def abs(self) -> Tensor: ...\nclass Tensor(TensorBase): ...\n"
        "def abs(input: Tensor) -> Tensor: ...\n",
        "lib/_docs.py": "common = parse_kwargs('''\n    input (Tensor): the input.\n"
        "    out (Tensor): the output.\n''')\n"
        "more = merge_dicts(common, {'extra': 'An extra.'})\n"
        "add_docstr(lib.abs, r'''\nabs(input) -> Tensor\n''' + r'''\nArgs:\n"
        "    {input}\n\n{extra} {{x}} {unknown}{a.__class__}\n'''"
        ".format(**more, other=f()))\n"
        "add_docstr_all('abs', 'See :func:`lib.abs`')\nadd_docstr(lib.abs, compute())\n",
    }

    found = look(files, "lib.abs")

    assert "abs(input) -> Tensor\n\nArgs:\n    input (Tensor): the input.\n\nAn extra. {x} {a.__class__}" in found.text


def test_members_of_a_private_base_are_found_at_the_public_class(look: Look) -> None:
    files = {
        "lib/__init__.py": "from lib._tensor import Tensor\n__all__ = ['Tensor']\n",
        "lib/_tensor.py": "from lib._C import TensorBase\n\n\nclass Tensor(TensorBase):\n    '''A tensor.'''\n",
        "lib/_C.pyi": "class _Root:\n    def dim(self) -> int: ...\nclass TensorBase(_Root):\n"
        "    def abs(self) -> Tensor:\n"
        "        '''See lib.abs.'''\n",
    }

    assert look(files, "lib.Tensor.abs").title == "lib.Tensor.abs"


def test_an_all_that_is_computed_offers_everything_public(look: Look) -> None:
    files = {
        "lib/__init__.py": "from ._signal import *\nfrom ._other import bode as bode\nfrom . import _signal\n"
        "__all__ = [name for name in dir() if not name.startswith('_')]\n__all__ += _signal.__all__\n",
        "lib/_signal.py": "__all__ = ['fir']\n\n\ndef fir():\n    '''A filter.'''\n",
        "lib/_other.py": "def bode():\n    '''A plot.'''\n",
    }

    assert look(files, "lib.bode").title == "lib.bode"


@pytest.mark.parametrize(
    "line",
    [
        "__all__ = list({'x'} | set(_impl.__all__))",
        "__all__ = sorted(['x', *_impl.__all__])",
        "__all__ = ['x']\n__all__.extend(_impl.__all__)",
        "__all__ = ['x']\nextend_all(_impl)",
        "__all__ = ['x']\nfor name in dir(_impl):\n    __all__.append(name)",
        "__all__ = ['x']\n__all__.append('act')",
        "__all__ = make()",
    ],
)
def test_every_way_of_writing_all_is_understood(look: Look, line: str) -> None:
    files = {
        "lib/__init__.py": f"from lib import _impl\nfrom lib._impl import *\n\nx = 1\n{line}\n",
        "lib/_impl.py": "__all__ = ['act']\n\n\ndef act():\n    '''Act.'''\n",
    }

    assert look(files, "lib.act").title == "lib.act"


def test_a_module_that_only_reexports_is_public_and_one_that_merely_imports_is_not(look: Look) -> None:
    files = {
        "lib/__init__.py": "from lib._deep import act\n",
        "lib/_deep.py": "def act():\n    '''Act.'''\n\n\ndef tool():\n    '''Tool.'''\n",
        "lib/format.py": "from lib._deep import tool\n",
        "lib/user.py": "from lib._deep import act\n\n\ndef use():\n    '''Use.'''\n",
    }

    assert look(files, "lib.format.tool").title == "lib.format.tool"


def test_a_name_can_be_asked_for_where_it_is_merely_imported(look: Look) -> None:
    files = {
        "lib/__init__.py": "from lib.deep import act\n",
        "lib/deep.py": "def act():\n    '''Act.'''\n",
        "lib/user.py": "from lib.deep import act\n\n\ndef use():\n    '''Use.'''\n",
    }

    assert look(files, "lib.user.act").title == "lib.act"


def test_instances_are_described_by_their_class_and_offer_its_methods(look: Look, desk: Desk) -> None:
    files = {
        "lib/__init__.py": "from lib._dist import *\n__all__ = ['norm', 'draw']\n",
        "lib/_dist.py": "class norm_gen:\n    '''A normal variable.'''\n\n"
        "    def pdf(self, x):\n        '''Its density.'''\n\n\n"
        "norm = norm_gen(name='norm')\n_rand: norm_gen = norm\ndraw = _rand.pdf\n",
    }

    norm = look(files, "lib.norm")
    pdf = desk.symbol([desk.locate("lib")], "lib.norm.pdf").snippets[0]
    draw = desk.symbol([desk.locate("lib")], "lib.draw").snippets[0]

    assert "norm = norm_gen(name='norm')" in norm.text
    assert "A normal variable." in norm.text
    assert "Its density." in pdf.text
    assert "Its density." in draw.text


def test_a_stub_in_one_module_takes_its_text_from_the_source_in_another(look: Look) -> None:
    files = {
        "lib/__init__.py": "from lib._matrix import matrix, real as real\n",
        "lib/__init__.pyi": "class matrix:\n    def getI(self) -> matrix: ...\n\n\ndef real() -> int: ...\n",
        "lib/_matrix.py": "class matrix:\n    '''A matrix.'''\n\n    def getI(self):\n        '''Its inverse.'''\n\n\n"
        "def real():\n    '''Real.'''\n",
    }

    found = look(files, "lib.matrix.getI")

    assert "def getI() -> matrix" in found.text
    assert "Its inverse." in found.text


def test_an_alias_in_a_stub_does_not_hide_the_function_of_the_source(look: Look) -> None:
    files = {
        "lib/__init__.py": "from lib.impl import nanmin\n",
        "lib/impl.py": "def nanmin():\n    '''The smallest, without gaps.'''\n\n\n"
        "def amin():\n    '''The smallest.'''\n",
        "lib/impl.pyi": "def amin() -> int: ...\nnanmin = amin\n",
    }

    assert "without gaps" in look(files, "lib.nanmin").text


def test_an_override_without_a_docstring_has_the_first_words_of_what_it_overrides(look: Look) -> None:
    files = {
        "lib/__init__.py": "class Base:\n    '''A base.'''\n\n    def act(self):\n"
        "        '''Act.\n\n        At length.\n        '''\n\n\n"
        "class Child(Base):\n    '''A child.'''\n\n    def act(self):\n        return 1\n",
    }

    found = look(files, "lib.Child.act")

    assert "Act." in found.text
    assert "At length." not in found.text


def test_what_is_compiled_and_has_no_stub_is_named_in_its_module(look: Look) -> None:
    files = {"lib/__init__.py": "'''Graphs.'''\nfrom lib._fast import dijkstra\n__all__ = ['dijkstra']\n"}

    found = look(files, "lib.dijkstra")

    assert found.title == "lib"
    assert "dijkstra  # compiled" in found.text


def test_a_submodule_of_the_same_name_as_a_function_does_not_hide_it(look: Look) -> None:
    files = {
        "lib/__init__.py": "from lib._lsq import lsq\n__all__ = ['lsq']\n",
        "lib/_lsq/__init__.py": "from lib._lsq.lsq import lsq\n",
        "lib/_lsq/lsq.py": "def lsq():\n    '''Least squares.'''\n",
    }

    assert look(files, "lib.lsq").title == "lib.lsq"


def test_texts_of_annotated_parameters_are_listed_and_left_out_of_the_signature(look: Look) -> None:
    files = {
        "lib.py": "def get(path: Annotated[str, Doc('''\n    Where to\n    look.\n\n    More.\n    ''')],\n"
        "        size: Annotated[int, Field(gt=0), Doc('How big.')] = 1) -> None:\n    '''Get it.'''\n"
    }

    text = look(files, "lib.get").text

    assert "def get(path: str, size: Annotated[int, Field(gt=0)] = 1) -> None" in text
    assert "Get it.\n\nParameters:\n- path: Where to look.\n- size: How big." in text


def test_what_only_runs_as_a_program_is_no_part_of_a_module(look: Look) -> None:
    files = {
        "lib.py": "def act():\n    '''Act.'''\n\n\nif __name__ == '__main__':\n    def demo():\n        '''Demo.'''\n"
    }

    with pytest.raises(NotIndexed, match="There is no symbol 'demo'"):
        look(files, "demo")


def test_imports_in_a_circle_end(look: Look) -> None:
    files = {
        "lib/__init__.py": "from lib.a import *\nfrom lib.a import x\n",
        "lib/a.py": "from lib.b import *\nfrom lib.b import x\n\n\nclass A(A):\n    def m(self): ...\n",
        "lib/b.py": "from lib.a import *\nfrom lib.a import x\nfrom lib import *\n\n\ndef real():\n    '''Real.'''\n",
    }

    assert look(files, "lib.real").title == "lib.real"


_NAMES = st.sampled_from(["a", "b", "_c", "A", "__all__", "lib", "norm"])
_LINES = st.one_of(
    st.builds("from lib.{} import {}\n".format, _NAMES, _NAMES),
    st.builds("from lib.{} import *\n".format, _NAMES),
    st.builds("{} = {}\n".format, _NAMES, _NAMES),
    st.builds("{} = {}()\n".format, _NAMES, _NAMES),
    st.builds("class {}({}):\n    def {}(self): ...\n".format, _NAMES, _NAMES, _NAMES),
    st.builds("__all__ = [{!r}]\n".format, _NAMES),
    st.builds("__all__ += {}.__all__\n".format, _NAMES),
    st.builds("add_newdoc('lib.{}', {!r}, ({!r}, 'text'))\n".format, _NAMES, _NAMES, _NAMES),
    st.builds("{}: {} = 1\n".format, _NAMES, _NAMES),
)


@given(st.dictionaries(st.sampled_from(["lib", "lib.a", "lib.b", "lib._c", "lib.A"]), st.lists(_LINES, max_size=8)))
def test_no_package_however_tangled_is_too_much(files: Mapping[str, list[str]]) -> None:
    modules: dict[str, Module] = {}
    for name, lines in files.items():
        for suffix in ("py", "pyi"):
            path = f"{name.replace('.', '/')}.{suffix}"
            try:
                merge(modules, read_module("".join(lines).encode(), name=name, path=path, is_package=name == "lib"))
            except UnreadableSource:
                continue

    for chunk in package_chunks(modules):
        assert chunk.title


def test_a_star_brings_only_what_the_module_says_it_offers(look: Look) -> None:
    files = {
        "lib/__init__.py": "from lib.inner import *\nfrom lib.path import *\n",
        "lib/inner.py": "from lib._basic import _walk as shortest_path\n__all__ = ['between']\ndef between(): ...\n",
        "lib/_basic.py": "def _walk():\n    '''Not for you.'''\n",
        "lib/path.py": "__all__ = ['shortest_path']\ndef shortest_path():\n    '''The way.'''\n",
    }

    assert "The way." in look(files, "lib.shortest_path").text

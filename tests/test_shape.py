"""What sources look like: files and functions of a size to read, fields written out, references that lead somewhere."""

import ast
from pathlib import Path
import re

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "procession"
FILE_LINES = 600
FUNCTION_LINES = 40
# Made by scripts/, read by nobody from end to end.
MADE = {"arch/python/_calls.py", "arch/python/_constants.py", "include/trace/tracepoints.py"}
LONG_FILES = {
    "include/linux/sched.py": "Task and SignalStruct, whose slots and copiers are made beside their fields",
    "include/linux/kernel.py": "Kernel and its parts, whose slots are made beside their fields",
    "include/linux/fs.py": "the structures of files, whose slots are made beside their fields",
}
# A list of fields or of cases, one line each.
LISTS = {
    ("include/linux/kernel.py", "__init__"),
    ("include/linux/mm_types.py", "__init__"),
    ("include/linux/sched.py", "__init__"),
    ("include/linux/sched.py", "copy"),
    ("arch/x86/signal.py", "setup_rt_frame"),
    ("drivers/tty/n_tty_receive.py", "_receive_char"),
    ("fs/binfmt_elf_tables.py", "create_elf_tables"),
    ("fs/proc/array.py", "do_task_stat"),
    ("fs/proc/meminfo.py", "meminfo_proc_show"),
    ("net/ipv4/sock.py", "__init__"),
    ("kernel/exit.py", "do_exit"),  # of steps, in 3.2's order
}
# Every call, fault, fork or turn of the machine goes through them: a step of its own would cost a call each time.
HOT = {
    ("arch/x86/entry.py", "syscall"),
    ("fs/namei.py", "link_path_walk"),
    ("fs/pipe.py", "read"),
    ("fs/pipe.py", "write"),
    ("kernel/entry.py", "_cpu_loop"),
    ("mm/memory.py", "copy_page_range"),
    ("mm/memory.py", "do_linear_fault"),
    ("kernel/fork_mm.py", "dup_mmap"),
    ("kernel/sched.py", "do_schedule"),
}
# Read by users and tests alone.
FOR_OTHERS = {
    # Called by what a lab writes into the kernel.
    "at_once",
    "may_lose_cpu",
    "serve",
    "serve_frozen",
    "wait_for_memory",
    "write_mem",
    "write_mem_cow",
    "__getattr__",  # what `from procession import …` gives
    "CpuRegisters",  # an engine without a kernel: the test bench of hw and the fuzzer of instructions
    "dpor",  # all orders, run one by one: for the bench, and for tests that hold them against plain search
    "census",  # Machine(fail=…) for every request in turn, in users' tests
    "every_failure",
    "pick_pure",  # for who replaces parts of the kernel
    "mutex_lock",  # the kernel's mutexes are taken interruptibly
    "trace_hash",
    "call_usermodehelper",  # linux/kmod.h
    *("pytest_addoption", "pytest_configure", "pytest_itemcollected", "pytest_terminal_summary"),
    *("kthread_bind", "kthread_data", "kthread_run", "kthread_should_stop", "kthread_stop"),  # linux/kthread.h
}
# Modules of others, whose constants are looked up by a name that is made up, and our own loaded on first use.
FOREIGN = {"x86_const", "import_module"}
# kernel/wait.py, mm/uaccess; not Linux's kernel/wait.c, fault-inject.h, nor /proc/sys/kernel/domainname.
MENTION = re.compile(
    r"(?<![\w/.-])((?:arch|cli|drivers|fs|hw|include|init|ipc|kernel|mm|net|tools)/[\w/]*\w)(?![\w*/-]|\.(?!py)\w)"
)


def modules():
    """Path and text of each source."""
    return {str(path.relative_to(SOURCE)): path.read_text(encoding="utf-8") for path in sorted(SOURCE.rglob("*.py"))}


def length(function):
    """Lines of a function's code: not its docstring, nor its signature, which may have a line an argument."""
    body = function.body[1:] if ast.get_docstring(function, clean=False) is not None else function.body
    return body[-1].end_lineno - body[0].lineno + 1 if body else 0


def long_functions(text):
    """(name, length) of those over the limit."""
    functions = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return [(node.name, length(node)) for node in functions if length(node) > FUNCTION_LINES]


def by_name(text):
    """Lines at which a field is looked up by a name that is a string.

    But for what a user's object may or may not have: __name__, __code__.
    """
    found = []
    for node in ast.walk(ast.parse(text)):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and len(node.args) > 1):
            continue
        if node.func.id not in {"getattr", "setattr", "hasattr", "delattr"}:
            continue
        thing, name = node.args[:2]
        foreign = thing.func if isinstance(thing, ast.Call) else thing
        dunder = isinstance(name, ast.Constant) and name.value.startswith("__")
        if not dunder and getattr(foreign, "id", "") not in FOREIGN:
            found.append(f"{node.lineno}: {ast.unparse(node)}")
    return found


def missing(text):
    """The files and directories of ours that text names and that are not there."""
    places = [(name, SOURCE / name) for name in MENTION.findall(text)]
    return [name for name, place in places if not place.exists() and not place.with_suffix(".py").exists()]


def unused(texts):
    """Names of top-level functions and classes that nothing in texts reads."""
    read, made = set(), set()
    for text in texts:
        tree = ast.parse(text)
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute):
                read.add(node.attr)
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                read.add(node.id)
        definitions = [n for n in tree.body if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)]
        made |= {node.name for node in definitions if not node.decorator_list}
    return made - read


def test_files_are_short():
    long = {path for path, text in modules().items() if text.count("\n") > FILE_LINES}

    assert long - MADE == set(LONG_FILES)


def test_functions_are_short():
    long = {(path, name) for path, text in modules().items() if path not in MADE for name, _ in long_functions(text)}

    assert long == LISTS | HOT


def test_fields_are_written_out():
    found = {path: by_name(text) for path, text in modules().items()}

    assert {path: lines for path, lines in found.items() if lines} == {}


def test_files_that_sources_name_are_there():
    """With .py or without, in comments, docstrings and messages; a name with an ending of C's is Linux's."""
    wrong = [f"{path}: {name}" for path, text in modules().items() for name in missing(text)]

    assert wrong == []


def test_nothing_is_dead():
    """What is for users alone, or a part of an interface that is there as a whole."""
    assert unused(modules().values()) - FOR_OTHERS == set()


def test_a_dead_function_is_found():
    assert unused(["def f(): g()\nclass C: pass\n", "def g(): pass\nx.C\n", "@syscall\ndef sys_x(): pass\n"]) == {"f"}


def test_a_long_function_is_found():
    body = "    x = 1\n" * FUNCTION_LINES

    assert long_functions(f'def short(a,\n    b):\n    """Words.\n\n    More."""\n{body}') == []
    assert long_functions(f"async def long():\n{body}    y = 2\n") == [("long", FUNCTION_LINES + 1)]


BY_NAME = ["getattr(p, name)", "setattr(new, field, 1)", "hasattr(self, 'fd')", "getattr(p, 'x', 0)"]


@pytest.mark.parametrize("line", BY_NAME)
def test_a_field_by_name_is_found(line):
    assert by_name(line) == [f"1: {line}"]


@pytest.mark.parametrize("line", ["getattr(fn, '__name__', '')", "getattr(x86_const, name)", "inode.getattr(current)"])
def test_other_look_ups_are_no_matter(line):
    assert by_name(line) == []


def test_a_reference_to_nothing_is_found():
    text = "See kernel/nowhere.py, arch/kthread's, mm/uaccess (kernel/wait.c, kernel/posix-timers.c), fs/pipe.py, fs/."

    assert missing(text) == ["kernel/nowhere", "arch/kthread"]

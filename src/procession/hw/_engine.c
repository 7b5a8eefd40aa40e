/*
 * Calls into the CPU engine and out of its hooks, without the cost of ctypes, and the count of the code it runs.
 *
 * It may call the functions of libunicorn whose addresses bind() was given, and the Python functions that
 * Engine.hook() was given. It may not know anything of the kernel, decide anything, or keep anything but those addresses
 * and the count: hw/engine.py does all of this with ctypes where this file was not compiled, says how the count works,
 * and a run is the same with both.
 *
 * Python's lock is given up while the engine runs, as ctypes.CDLL does, so that another thread can stop a guest's
 * endless loop; it is kept in all other calls, as ctypes.PyDLL does. An engine belongs to the thread that runs it.
 *
 * Handles and addresses are Python ints. Nothing checks them: hw/unicorn_cpu.py is the only caller.
 */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdbool.h>
#include <stdint.h>

typedef int uc_emu_start_t(void *uc, uint64_t begin, uint64_t until, uint64_t timeout, size_t count);
typedef int uc_emu_stop_t(void *uc);
typedef int uc_reg_t(void *uc, int regid, void *value);
typedef int uc_hook_add_t(void *uc, size_t *hook, int type, void *callback, void *user_data, uint64_t begin,
                          uint64_t end, ...);

typedef int uc_ctl_t(void *uc, int control, ...);

/* UC_CTL_UC_USE_EXITS, UC_CTL_UC_EXITS and UC_CTL_TLB_FLUSH, written, with one argument, two and none. */
static const int USE_EXITS = 4 | 1 << 26 | 1 << 30, EXITS = 6 | 2 << 26 | 1 << 30, TLB_FLUSH = 11 | 1 << 30;

/* enum uc_x86_reg. */
enum { EFLAGS = 25, CR3 = 53 };

static uc_emu_start_t *uc_emu_start;
static uc_emu_stop_t *uc_emu_stop;
static uc_reg_t *uc_reg_read;
static uc_reg_t *uc_reg_write;
static uc_hook_add_t *uc_hook_add;
static uc_ctl_t *uc_ctl;

/* The Python thread whose Engine.start() this thread is in; hooks run as that thread. */
static __thread PyThreadState *outside;

/* Make an argument a pointer; sets an exception and clears *ok if it is no int. */
static void *pointer(PyObject *arg, bool *ok)
{
    void *value = PyLong_AsVoidPtr(arg);
    if (value == NULL && PyErr_Occurred())
        *ok = false;
    return value;
}

/* Make an argument an unsigned number of 64 bits, as above. */
static uint64_t number(PyObject *arg, bool *ok)
{
    uint64_t value = PyLong_AsUnsignedLongLong(arg);
    if (value == (uint64_t)-1 && PyErr_Occurred())
        *ok = false;
    return value;
}

static bool has(Py_ssize_t given, Py_ssize_t wanted)
{
    if (given != wanted)
        PyErr_Format(PyExc_TypeError, "%zd arguments are wanted, not %zd", wanted, given);
    return given == wanted;
}

/* Hooks. They catch what goes wrong in them; what comes out all the same is printed, as ctypes does it. */

static void call(PyObject *function, PyObject *const *args, size_t nargs)
{
    PyObject *result = PyObject_Vectorcall(function, args, nargs, NULL);
    if (result == NULL)
        PyErr_WriteUnraisable(function);
    Py_XDECREF(result);
}

static void on_instruction(void *uc, void *function)
{
    PyEval_RestoreThread(outside);
    call(function, NULL, 0);
    outside = PyEval_SaveThread();
}

/* Call it with n new references, which are given up; one that could not be made is NULL. */
static void call_with(void *function, PyObject **args, int n)
{
    bool all = true;
    for (int i = 0; i < n; i++)
        all = all && args[i] != NULL;
    if (all)
        call(function, args, n);
    else
        PyErr_WriteUnraisable(function);
    for (int i = 0; i < n; i++)
        Py_XDECREF(args[i]);
}

static void on_interrupt(void *uc, uint32_t vector, void *function)
{
    PyEval_RestoreThread(outside);
    PyObject *args[] = {PyLong_FromLong(0), PyLong_FromUnsignedLong(vector)};
    call_with(function, args, 2);
    outside = PyEval_SaveThread();
}

static bool on_invalid(void *uc, void *function)
{
    on_instruction(uc, function);
    return true;
}

static uint32_t on_port_in(void *uc, uint32_t port, int size, void *function)
{
    on_instruction(uc, function);
    return 0xffffffff; /* there is nothing on the bus */
}

static void on_code(void *uc, uint64_t address, uint32_t size, void *function)
{
    PyEval_RestoreThread(outside);
    PyObject *args[] = {PyLong_FromLong(0), PyLong_FromUnsignedLongLong(address)};
    call_with(function, args, 2);
    outside = PyEval_SaveThread();
}

static void on_memory(void *uc, int kind, uint64_t address, int size, int64_t value, void *function)
{
    PyEval_RestoreThread(outside);
    PyObject *args[] = {PyLong_FromLong(0), PyLong_FromLong(kind), PyLong_FromUnsignedLongLong(address),
                        PyLong_FromLong(size)};
    call_with(function, args, 4);
    outside = PyEval_SaveThread();
}

static void on_port_out(void *uc, uint32_t port, int size, uint32_t value, void *function)
{
    on_instruction(uc, function);
}

/* The count. */

enum { CODE_BYTES_PER_NS = 4, LONGEST_BLOCK = 1 << 16 };
static const long long LONGEST_NS = 1LL << 58;

/*
 * The engine's TLB grows only when it is flushed, if it is full then; a page for which it has no room costs as much as a
 * hundred instructions. So it is flushed after so much code, about five virtual milliseconds, where nobody else asks.
 */
enum { RENEWAL_BYTES = 20 << 20 };

typedef struct {
    int64_t sum;            /* bytes of code begun */
    volatile int64_t next;  /* behind so many there is something to do: the smaller one of the next two */
    volatile int64_t limit; /* more than this many end the run; let_out() writes it from another thread */
    int64_t renewal;        /* after so many the TLB is flushed */
    uint64_t end;           /* of the last block begun */
    bool fresh;             /* the block that spends the last of it is still to be run */
    bool cut;               /* the limit has ended the run */
    int64_t mark;           /* sum when it was last asked for */
    int64_t seen_ns;        /* the same as time */
} Count;

static void set_next(Count *count)
{
    int64_t limit = count->limit;
    count->next = limit < count->renewal ? limit : count->renewal;
}

static void set_limit(Count *count, int64_t limit)
{
    count->limit = limit;
    set_next(count);
}

/* Where let_out() comes between, its limit stays, and is met at the next renewal if not before. */
static void renew_tlb(void *uc, Count *count)
{
    uc_ctl(uc, TLB_FLUSH);
    count->renewal = count->sum + RENEWAL_BYTES;
    set_next(count);
}

static void on_block(void *uc, uint64_t pc, uint32_t size, void *data)
{
    Count *count = data;
    count->sum += size;
    count->end = pc + size;
    if (count->sum <= count->next)
        return;
    if (count->sum <= count->limit) {
        renew_tlb(uc, count);
        return;
    }
    if (count->fresh) {
        count->fresh = false;
        return;
    }
    count->sum -= size;
    count->cut = true;
    uc_emu_stop(uc);
}

static void *const trampolines[] = {on_instruction, on_interrupt, on_invalid, on_port_in,
                                     on_port_out,    on_code,      on_memory};

/* An engine: struct uc_struct, which the caller keeps open as long as it uses this. */

typedef struct {
    PyObject_HEAD
    void *uc;
    Count count;
} Engine;

static int engine_init(Engine *self, PyObject *args, PyObject *kwargs)
{
    unsigned long long handle;
    static char *names[] = {"handle", NULL};
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "K", names, &handle))
        return -1;
    if (uc_emu_start == NULL) {
        PyErr_SetString(PyExc_RuntimeError, "bind() comes first");
        return -1;
    }
    self->uc = (void *)(uintptr_t)handle;
    return 0;
}

static PyObject *engine_count(Engine *self, PyObject *arg)
{
    bool ok = true;
    int kind = (int)number(arg, &ok);
    if (!ok)
        return NULL;
    size_t hook = 0;
    int status = uc_hook_add(self->uc, &hook, kind, on_block, &self->count, 1, 0);
    return Py_BuildValue("iK", status, (unsigned long long)hook);
}

static PyObject *engine_zero(Engine *self, PyObject *unused)
{
    self->count.sum = self->count.mark = self->count.seen_ns = 0;
    self->count.renewal = RENEWAL_BYTES;
    Py_RETURN_NONE;
}

static PyObject *engine_arm(Engine *self, PyObject *arg)
{
    long long ns = PyLong_AsLongLong(arg);
    if (ns == -1 && PyErr_Occurred())
        return NULL;
    Count *count = &self->count;
    set_limit(count, (count->seen_ns + (ns < LONGEST_NS ? ns : LONGEST_NS)) * CODE_BYTES_PER_NS - 1);
    count->fresh = true;
    count->cut = false;
    Py_RETURN_NONE;
}

static PyObject *engine_spent(Engine *self, PyObject *unused)
{
    Count *count = &self->count;
    count->mark = count->sum;
    int64_t ns = count->sum / CODE_BYTES_PER_NS;
    int64_t passed = ns - count->seen_ns;
    count->seen_ns = ns;
    return PyLong_FromLongLong(passed);
}

static PyObject *engine_unspent(Engine *self, PyObject *unused)
{
    const Count *count = &self->count;
    return PyLong_FromLongLong(count->sum / CODE_BYTES_PER_NS - count->seen_ns);
}

static PyObject *engine_spent_until(Engine *self, PyObject *arg)
{
    bool ok = true;
    uint64_t rest = self->count.end - number(arg, &ok);
    if (!ok)
        return NULL;
    if (rest <= LONGEST_BLOCK)
        self->count.sum -= (int64_t)rest;
    return engine_spent(self, NULL);
}

static PyObject *engine_rewind(Engine *self, PyObject *unused)
{
    self->count.sum = self->count.mark;
    Py_RETURN_NONE;
}

static PyObject *engine_was_cut(Engine *self, PyObject *unused)
{
    return PyBool_FromLong(self->count.cut);
}

static PyObject *engine_block_end(Engine *self, PyObject *unused)
{
    return PyLong_FromUnsignedLongLong(self->count.end);
}

static PyObject *engine_let_out(Engine *self, PyObject *unused)
{
    set_limit(&self->count, -1);
    Py_RETURN_NONE;
}

static PyObject *engine_end_now(Engine *self, PyObject *unused)
{
    set_limit(&self->count, -1);
    self->count.fresh = false;
    Py_RETURN_NONE;
}

static PyObject *engine_start(Engine *self, PyObject *const *args, Py_ssize_t nargs)
{
    bool ok = has(nargs, 2);
    if (!ok)
        return NULL;
    uint64_t begin = number(args[0], &ok), count = number(args[1], &ok);
    if (!ok)
        return NULL;
    PyThreadState *before = outside;
    outside = PyEval_SaveThread();
    int status = uc_emu_start(self->uc, begin, 0, 0, count);
    PyEval_RestoreThread(outside);
    outside = before;
    /* Compiled code never looks whether a signal has come, as the interpreter does between two bytecodes. */
    if (PyErr_CheckSignals() < 0)
        return NULL;
    return PyLong_FromLong(status);
}

static PyObject *engine_stop(Engine *self, PyObject *unused)
{
    uc_emu_stop(self->uc);
    Py_RETURN_NONE;
}

static PyObject *engine_flags(Engine *self, PyObject *unused)
{
    uint64_t value = 0;
    uc_reg_read(self->uc, EFLAGS, &value);
    return PyLong_FromUnsignedLong((uint32_t)value);
}

static PyObject *engine_set_cr3(Engine *self, PyObject *arg)
{
    bool ok = true;
    uint64_t value = number(arg, &ok);
    if (!ok)
        return NULL;
    uc_reg_write(self->uc, CR3, &value);
    Py_RETURN_NONE;
}

static PyObject *engine_exits_on(Engine *self, PyObject *unused)
{
    uc_ctl(self->uc, USE_EXITS, 1);
    Py_RETURN_NONE;
}

static PyObject *engine_exits_off(Engine *self, PyObject *unused)
{
    uc_ctl(self->uc, USE_EXITS, 0);
    Py_RETURN_NONE;
}

static PyObject *engine_set_exits(Engine *self, PyObject *arg)
{
    if (!PyTuple_Check(arg)) {
        PyErr_SetString(PyExc_TypeError, "a tuple is wanted");
        return NULL;
    }
    bool ok = true;
    size_t n = (size_t)PyTuple_GET_SIZE(arg);
    uint64_t *exits = PyMem_New(uint64_t, n);
    if (exits == NULL)
        return PyErr_NoMemory();
    for (size_t i = 0; i < n; i++)
        exits[i] = number(PyTuple_GET_ITEM(arg, (Py_ssize_t)i), &ok);
    if (ok)
        uc_ctl(self->uc, EXITS, exits, n);
    PyMem_Free(exits);
    if (!ok)
        return NULL;
    Py_RETURN_NONE;
}

static PyObject *engine_read(Engine *self, PyObject *arg)
{
    bool ok = true;
    int regid = (int)number(arg, &ok);
    if (!ok)
        return NULL;
    uint64_t value[8] = {0};
    uc_reg_read(self->uc, regid, value);
    return PyLong_FromUnsignedLongLong(value[0]);
}

static PyObject *engine_write(Engine *self, PyObject *const *args, Py_ssize_t nargs)
{
    bool ok = has(nargs, 3);
    if (!ok)
        return NULL;
    int regid = (int)number(args[0], &ok);
    uint64_t value[8] = {number(args[1], &ok), number(args[2], &ok)};
    if (!ok)
        return NULL;
    uc_reg_write(self->uc, regid, value);
    Py_RETURN_NONE;
}

static PyObject *engine_hook(Engine *self, PyObject *const *args, Py_ssize_t nargs)
{
    bool ok = has(nargs, 6);
    if (!ok)
        return NULL;
    int kind = (int)number(args[0], &ok), instruction = (int)number(args[1], &ok);
    uint64_t shape = number(args[2], &ok), begin = number(args[4], &ok), end = number(args[5], &ok);
    if (!ok)
        return NULL;
    if (shape >= sizeof(trampolines) / sizeof(*trampolines)) {
        PyErr_SetString(PyExc_ValueError, "no such hook");
        return NULL;
    }
    size_t hook = 0;
    int status = uc_hook_add(self->uc, &hook, kind, trampolines[shape], args[3], begin, end, instruction);
    return Py_BuildValue("iKO", status, (unsigned long long)hook, args[3]);
}

static PyMethodDef engine_methods[] = {
    {"count", (PyCFunction)(void *)engine_count, METH_O,
     "count(kind) -> (status, number)\n\nCount from now on."},
    {"zero", (PyCFunction)(void *)engine_zero, METH_NOARGS, "zero()\n\nForget what has been counted so far."},
    {"arm", (PyCFunction)(void *)engine_arm, METH_O, "arm(ns)\n\nEnd the run when ns have passed since spent()."},
    {"spent", (PyCFunction)(void *)engine_spent, METH_NOARGS,
     "spent() -> int\n\nReturn the ns that have passed since this was last asked."},
    {"unspent", (PyCFunction)(void *)engine_unspent, METH_NOARGS,
     "unspent() -> int\n\nReturn what spent() would, and leave it; from any thread."},
    {"spent_until", (PyCFunction)(void *)engine_spent_until, METH_O,
     "spent_until(ip) -> int\n\nReturn the same, the last block having been run up to ip only."},
    {"rewind", (PyCFunction)(void *)engine_rewind, METH_NOARGS,
     "rewind()\n\nTake back what was counted since spent()."},
    {"was_cut", (PyCFunction)(void *)engine_was_cut, METH_NOARGS,
     "was_cut() -> bool\n\nReturn whether the limit has ended the run."},
    {"block_end", (PyCFunction)(void *)engine_block_end, METH_NOARGS,
     "block_end() -> int\n\nReturn where the block ends that was begun last."},
    {"let_out", (PyCFunction)(void *)engine_let_out, METH_NOARGS,
     "let_out()\n\nEnd the run before one of the next blocks; from any thread."},
    {"end_now", (PyCFunction)(void *)engine_end_now, METH_NOARGS,
     "end_now()\n\nEnd the run before the next block, in a hook."},
    {"start", (PyCFunction)(void *)engine_start, METH_FASTCALL,
     "start(begin, count) -> status\n\nRun from begin until stopped, or count instructions unless 0."},
    {"stop", (PyCFunction)(void *)engine_stop, METH_NOARGS, "stop()\n\nEnd a run; from any thread."},
    {"flags", (PyCFunction)(void *)engine_flags, METH_NOARGS, "flags() -> int\n\nReturn eflags."},
    {"set_cr3", (PyCFunction)(void *)engine_set_cr3, METH_O, "set_cr3(value)\n\nSet CR3, and flush the TLB."},
    {"exits_on", (PyCFunction)(void *)engine_exits_on, METH_NOARGS, "exits_on()\n\nLook at exits from now on."},
    {"exits_off", (PyCFunction)(void *)engine_exits_off, METH_NOARGS, "exits_off()\n\nLook at exits no more."},
    {"set_exits", (PyCFunction)(void *)engine_set_exits, METH_O,
     "set_exits(addresses)\n\nEnd runs before these addresses while exits are looked at."},
    {"read", (PyCFunction)(void *)engine_read, METH_O, "read(register) -> int\n\nReturn its lowest 64 bits."},
    {"write", (PyCFunction)(void *)engine_write, METH_FASTCALL,
     "write(register, low, high)\n\nSet a register of at most 128 bits."},
    {"hook", (PyCFunction)(void *)engine_hook, METH_FASTCALL,
     "hook(kind, instruction, shape, function, begin, end) -> (status, number, what to keep)\n\n"
     "Call function at an event from begin to end."},
    {NULL, NULL, 0, NULL},
};

static PyTypeObject engine_type = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "procession.hw._engine.Engine",
    .tp_basicsize = sizeof(Engine),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_doc = "Engine(handle): an open engine of libunicorn.",
    .tp_methods = engine_methods,
    .tp_init = (initproc)engine_init,
    .tp_new = PyType_GenericNew,
};

static PyObject *bind(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    bool ok = has(nargs, 6);
    if (ok) {
        uc_emu_stop = (uc_emu_stop_t *)pointer(args[1], &ok);
        uc_reg_read = (uc_reg_t *)pointer(args[2], &ok);
        uc_reg_write = (uc_reg_t *)pointer(args[3], &ok);
        uc_hook_add = (uc_hook_add_t *)pointer(args[4], &ok);
        uc_ctl = (uc_ctl_t *)pointer(args[5], &ok);
        uc_emu_start = (uc_emu_start_t *)pointer(args[0], &ok);
    }
    if (!ok)
        return NULL;
    Py_RETURN_NONE;
}

static PyMethodDef functions[] = {
    {"bind", (PyCFunction)(void *)bind, METH_FASTCALL,
     "bind(uc_emu_start, uc_emu_stop, uc_reg_read, uc_reg_write, uc_hook_add, uc_ctl)\n\n"
     "Say at what addresses they are."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT, "procession.hw._engine", "Calls into the CPU engine and out of its hooks.", -1, functions,
};

PyMODINIT_FUNC PyInit__engine(void)
{
    PyObject *made = PyModule_Create(&module);
    if (made != NULL && PyModule_AddType(made, &engine_type) < 0)
        Py_CLEAR(made);
    return made;
}

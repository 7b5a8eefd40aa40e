/*
 * How a module of the compiled build is made: all of them are in one library, with a function for each.
 *
 * mypyc makes an extension for each as well, which does no more than call that function: 570 files to compile, link,
 * ship and open. Here one function does for all. It knows nothing of Procession but how mypyc names things; _build.py
 * is the only caller.
 */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <string.h>

/* Return what mypyc calls the capsule of a module's function, as bytes: init_procession___mm___mlock. */
static PyObject *capsule_name(const char *module)
{
    PyObject *name = PyBytes_FromString("init_");
    for (const char *end; name != NULL && (end = strchr(module, '.')) != NULL; module = end + 1) {
        PyBytes_ConcatAndDel(&name, PyBytes_FromStringAndSize(module, end - module));
        if (name != NULL)
            PyBytes_ConcatAndDel(&name, PyBytes_FromString("___"));
    }
    if (name != NULL)
        PyBytes_ConcatAndDel(&name, PyBytes_FromString(module));
    return name;
}

/* make(library, name): run a module's code and return it; raises AttributeError if it is not in the library. */
static PyObject *make(PyObject *self, PyObject *args)
{
    PyObject *library;
    const char *module;
    if (!PyArg_ParseTuple(args, "Os:make", &library, &module))
        return NULL;
    PyObject *name = capsule_name(module);
    if (name == NULL)
        return NULL;
    PyObject *capsule = PyObject_GetAttrString(library, PyBytes_AS_STRING(name));
    Py_DECREF(name);
    if (capsule == NULL)
        return NULL;
    /* The library keeps the capsule, and is kept itself: neither can go while the function runs. */
    PyObject *(*function)(void) = (PyObject * (*)(void)) PyCapsule_GetPointer(capsule, PyCapsule_GetName(capsule));
    Py_DECREF(capsule);
    if (function == NULL)
        return NULL;
    PyObject *made = function();
    /* What it returns first is the library's own reference. */
    Py_XINCREF(made);
    return made;
}

static PyMethodDef methods[] = {{"make", make, METH_VARARGS, NULL}, {NULL, NULL, 0, NULL}};

static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_modules", NULL, -1, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__modules(void)
{
    return PyModule_Create(&module);
}

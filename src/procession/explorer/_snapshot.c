/*
 * What a row of Python objects holds at one moment, and putting them back there.
 *
 * An object with attributes in fixed places is taken as its bytes behind the header; which of these are references is
 * what its type shows to the garbage collector (tp_traverse), so that each reference is counted again when the bytes
 * come back. Lists, dicts, sets and bytearrays are taken item by item, and keep their identity. All that was found is
 * referred to from here, so that an address that is seen again is the same object.
 *
 * It may not know what the objects are, nor look for them: explorer/snapshot.py does, and says which can be taken.
 */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdbool.h>
#include <string.h>

/* References, a growing row of them. */
typedef struct {
    PyObject **items;
    Py_ssize_t count, room;
    bool failed;
} Refs;

typedef enum { BODY, LIST, DICT, SET, BYTES } Kind;

/* refs: owned. bytes: behind the header, or of a bytearray. */
typedef struct {
    PyObject *object;
    Kind kind;
    Py_ssize_t size;
    char *bytes;
    Refs refs;
} Entry;

typedef struct {
    PyObject_HEAD
    Entry *entries;
    Py_ssize_t count;
} Snapshot;

static bool push(Refs *refs, PyObject *item)
{
    if (refs->count == refs->room) {
        Py_ssize_t room = refs->room ? 2 * refs->room : 8;
        PyObject **items = PyMem_Realloc(refs->items, room * sizeof(*items));
        if (items == NULL) {
            refs->failed = true;
            PyErr_NoMemory();
            return false;
        }
        refs->items = items;
        refs->room = room;
    }
    refs->items[refs->count++] = item;
    return true;
}

static int visit(PyObject *item, void *refs)
{
    return push(refs, item) ? 0 : -1;
}

/* Add what an object refers to, borrowed. */
static bool references(PyObject *object, Refs *refs)
{
    return Py_TYPE(object)->tp_traverse(object, visit, refs) == 0 && !refs->failed;
}

static char *body(PyObject *object)
{
    return (char *)object + sizeof(PyObject);
}

/* Where in its body an object has the list of who refers to it weakly, which is not its own; NULL if nowhere. */
static PyObject **weak_list(PyObject *object)
{
    Py_ssize_t offset = Py_TYPE(object)->tp_weaklistoffset;
    return offset > 0 ? (PyObject **)((char *)object + offset) : NULL;
}

static bool same_body(PyObject *object, const char *bytes, Py_ssize_t size)
{
    PyObject **weak = weak_list(object);
    if (weak == NULL)
        return memcmp(body(object), bytes, size) == 0;
    Py_ssize_t before = (char *)weak - body(object), behind = before + (Py_ssize_t)sizeof(*weak);
    return memcmp(body(object), bytes, before) == 0
           && memcmp(body(object) + behind, bytes + behind, size - behind) == 0;
}

/* Add the items of a set in its order, borrowed. */
static bool set_items(PyObject *set, Refs *refs)
{
    PyObject *iterator = PyObject_GetIter(set), *item;
    if (iterator == NULL)
        return false;
    while ((item = PyIter_Next(iterator)) != NULL) {
        Py_DECREF(item); /* the set has it */
        if (!push(refs, item))
            break;
    }
    Py_DECREF(iterator);
    return !PyErr_Occurred();
}

/* Take an object that the entry does not own yet. */
static bool take(Entry *entry, PyObject *object)
{
    Refs *refs = &entry->refs;
    PyObject *key, *value;
    Py_ssize_t place = 0;
    bool ok = true;

    if (PyList_CheckExact(object)) {
        entry->kind = LIST;
        for (Py_ssize_t i = 0; ok && i < PyList_GET_SIZE(object); i++)
            ok = push(refs, PyList_GET_ITEM(object, i));
    } else if (PyDict_Check(object)) {
        entry->kind = DICT;
        while (ok && PyDict_Next(object, &place, &key, &value))
            ok = push(refs, key) && push(refs, value);
    } else if (PyAnySet_CheckExact(object)) {
        entry->kind = SET;
        ok = set_items(object, refs);
    } else if (PyByteArray_CheckExact(object)) {
        entry->kind = BYTES;
        entry->size = PyByteArray_GET_SIZE(object);
        entry->bytes = PyMem_Malloc(entry->size + 1);
        if (entry->bytes != NULL)
            memcpy(entry->bytes, PyByteArray_AS_STRING(object), entry->size);
    } else {
        entry->kind = BODY;
        entry->size = Py_TYPE(object)->tp_basicsize - (Py_ssize_t)sizeof(PyObject);
        entry->bytes = PyMem_Malloc(entry->size + 1);
        ok = references(object, refs);
        if (entry->bytes != NULL)
            memcpy(entry->bytes, body(object), entry->size);
    }
    for (Py_ssize_t i = 0; i < refs->count; i++)
        Py_INCREF(refs->items[i]);
    entry->object = Py_NewRef(object);
    if (ok && entry->bytes == NULL && (entry->kind == BODY || entry->kind == BYTES)) {
        PyErr_NoMemory();
        ok = false;
    }
    return ok;
}

static bool same_set(const Entry *entry)
{
    Refs now = {0};
    bool same = PySet_GET_SIZE(entry->object) == entry->refs.count && set_items(entry->object, &now);
    same = same && memcmp(now.items, entry->refs.items, now.count * sizeof(*now.items)) == 0;
    PyMem_Free(now.items);
    return same;
}

static bool same_dict(const Entry *entry)
{
    PyObject *key, *value, **items = entry->refs.items;
    Py_ssize_t place = 0;

    if (2 * PyDict_GET_SIZE(entry->object) != entry->refs.count)
        return false;
    while (PyDict_Next(entry->object, &place, &key, &value)) {
        if (key != items[0] || value != items[1])
            return false;
        items += 2;
    }
    return true;
}

static bool same(const Entry *entry)
{
    PyObject *object = entry->object;

    switch (entry->kind) {
    case BODY:
        return same_body(object, entry->bytes, entry->size);
    case LIST:
        return PyList_GET_SIZE(object) == entry->refs.count
               && (entry->refs.count == 0
                   || memcmp(((PyListObject *)object)->ob_item, entry->refs.items,
                             entry->refs.count * sizeof(PyObject *)) == 0);
    case DICT:
        return same_dict(entry);
    case SET:
        return entry->refs.count == 0 ? PySet_GET_SIZE(object) == 0 : same_set(entry);
    case BYTES:
        return PyByteArray_GET_SIZE(object) == entry->size
               && memcmp(PyByteArray_AS_STRING(object), entry->bytes, entry->size) == 0;
    }
    return true;
}

/* Put an object's bytes back; what it referred to is for the caller to let go. */
static bool put_back_body(Entry *entry, Refs *old)
{
    Py_ssize_t before = old->count;
    if (!references(entry->object, old)) {
        old->count = before; /* they are still the object's */
        return false;
    }
    for (Py_ssize_t i = 0; i < entry->refs.count; i++)
        Py_INCREF(entry->refs.items[i]);
    PyObject **weak = weak_list(entry->object), *referrers = weak != NULL ? *weak : NULL;
    memcpy(body(entry->object), entry->bytes, entry->size);
    if (weak != NULL)
        *weak = referrers;
    return true;
}

/* Keep what a container has until the caller lets it go, so that nothing ends before all is back. */
static bool hold(PyObject *container, Refs *old)
{
    PyObject *kept = PySequence_List(container);
    return kept != NULL && push(old, kept);
}

static bool put_back_list(Entry *entry, Refs *old)
{
    PyObject *row = PyList_New(entry->refs.count);
    if (row == NULL)
        return false;
    for (Py_ssize_t i = 0; i < entry->refs.count; i++)
        PyList_SET_ITEM(row, i, Py_NewRef(entry->refs.items[i]));
    bool ok = hold(entry->object, old)
              && PyList_SetSlice(entry->object, 0, PyList_GET_SIZE(entry->object), row) == 0;
    Py_DECREF(row);
    return ok;
}

static bool put_back_dict(Entry *entry, Refs *old)
{
    PyObject *values = PyDict_Values(entry->object);
    bool ok = values != NULL && push(old, values) && hold(entry->object, old);
    if (ok)
        PyDict_Clear(entry->object);
    for (Py_ssize_t i = 0; ok && i < entry->refs.count; i += 2)
        ok = PyDict_SetItem(entry->object, entry->refs.items[i], entry->refs.items[i + 1]) == 0;
    return ok;
}

static bool put_back_set(Entry *entry, Refs *old)
{
    bool ok = hold(entry->object, old) && PySet_Clear(entry->object) == 0;
    for (Py_ssize_t i = 0; ok && i < entry->refs.count; i++)
        ok = PySet_Add(entry->object, entry->refs.items[i]) == 0;
    return ok;
}

static bool put_back_bytes(Entry *entry)
{
    if (PyByteArray_Resize(entry->object, entry->size) < 0)
        return false;
    memcpy(PyByteArray_AS_STRING(entry->object), entry->bytes, entry->size);
    return true;
}

static bool put_back(Entry *entry, Refs *old)
{
    switch (entry->kind) {
    case BODY:
        return put_back_body(entry, old);
    case LIST:
        return put_back_list(entry, old);
    case DICT:
        return put_back_dict(entry, old);
    case SET:
        return put_back_set(entry, old);
    case BYTES:
        return put_back_bytes(entry);
    }
    return true;
}

static PyObject *snapshot_put_back(Snapshot *self, PyObject *unused)
{
    Refs old = {0};
    bool ok = true;
    Py_ssize_t changed = 0;

    for (Py_ssize_t i = 0; ok && i < self->count; i++) {
        if (!same(&self->entries[i])) {
            changed++;
            ok = put_back(&self->entries[i], &old);
        }
    }
    for (Py_ssize_t i = 0; i < old.count; i++)
        Py_DECREF(old.items[i]);
    PyMem_Free(old.items);
    return ok ? PyLong_FromSsize_t(changed) : NULL;
}

static PyObject *snapshot_changed(Snapshot *self, PyObject *unused)
{
    PyObject *found = PyList_New(0);
    for (Py_ssize_t i = 0; found != NULL && i < self->count; i++) {
        if (!same(&self->entries[i]) && PyList_Append(found, self->entries[i].object) < 0)
            Py_CLEAR(found);
    }
    return found;
}

static int snapshot_init(Snapshot *self, PyObject *args, PyObject *kwds)
{
    PyObject *objects;
    if (!PyArg_ParseTuple(args, "O!:Snapshot", &PyList_Type, &objects))
        return -1;
    if (self->entries != NULL) {
        PyErr_SetString(PyExc_RuntimeError, "a snapshot is taken once");
        return -1;
    }
    Py_ssize_t wanted = PyList_GET_SIZE(objects);
    self->entries = PyMem_Calloc(wanted + 1, sizeof(Entry));
    if (self->entries == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (Py_ssize_t i = 0; i < wanted; i++) {
        self->count = i + 1;
        if (!take(&self->entries[i], PyList_GET_ITEM(objects, i)))
            return -1;
    }
    return 0;
}

static int snapshot_traverse(Snapshot *self, visitproc visit, void *arg)
{
    for (Py_ssize_t i = 0; i < self->count; i++) {
        Entry *entry = &self->entries[i];
        Py_VISIT(entry->object);
        for (Py_ssize_t j = 0; j < entry->refs.count; j++)
            Py_VISIT(entry->refs.items[j]);
    }
    return 0;
}

static int snapshot_clear(Snapshot *self)
{
    Entry *entries = self->entries;
    Py_ssize_t count = self->count;

    self->entries = NULL;
    self->count = 0;
    for (Py_ssize_t i = 0; i < count; i++) {
        Refs *refs = &entries[i].refs;
        for (Py_ssize_t j = 0; j < refs->count; j++)
            Py_DECREF(refs->items[j]);
        PyMem_Free(refs->items);
        PyMem_Free(entries[i].bytes);
        Py_XDECREF(entries[i].object);
    }
    PyMem_Free(entries);
    return 0;
}

static void snapshot_dealloc(Snapshot *self)
{
    PyObject_GC_UnTrack(self);
    snapshot_clear(self);
    Py_TYPE(self)->tp_free(self);
}

static Py_ssize_t snapshot_len(Snapshot *self)
{
    return self->count;
}

static PyMethodDef snapshot_methods[] = {
    {"put_back", (PyCFunction)(void *)snapshot_put_back, METH_NOARGS,
     "put_back() -> int\n\nPut all objects back; returns how many had changed."},
    {"changed", (PyCFunction)(void *)snapshot_changed, METH_NOARGS,
     "changed() -> list\n\nReturn the objects that are not as they were."},
    {NULL, NULL, 0, NULL},
};

static PySequenceMethods snapshot_sequence = {.sq_length = (lenfunc)snapshot_len};

static PyTypeObject snapshot_type = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "procession.explorer._snapshot.Snapshot",
    .tp_basicsize = sizeof(Snapshot),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .tp_doc = "Snapshot(objects): what these objects hold now.",
    .tp_methods = snapshot_methods,
    .tp_as_sequence = &snapshot_sequence,
    .tp_traverse = (traverseproc)snapshot_traverse,
    .tp_clear = (inquiry)snapshot_clear,
    .tp_dealloc = (destructor)snapshot_dealloc,
    .tp_init = (initproc)snapshot_init,
    .tp_new = PyType_GenericNew,
};

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT, "procession.explorer._snapshot", "What objects hold at one moment.", -1, NULL,
};

PyMODINIT_FUNC PyInit__snapshot(void)
{
    PyObject *made = PyModule_Create(&module);
    if (made != NULL && PyModule_AddType(made, &snapshot_type) < 0)
        Py_CLEAR(made);
    return made;
}

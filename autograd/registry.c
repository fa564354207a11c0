// SPDX-License-Identifier: MIT
/* registry.c: the list of all operations, for whoever walks it: tests, fuzzers, documents. Those of
   the library stand in it from the start; nothing in the engine looks here. */
#include <ctype.h>
#include <pthread.h>
#include <string.h>

#include "autograd/autograd_impl.h"
#include "tensor/kernels/kernels.h"

enum { MAX_USER_OPS = 1024, MAX_ATTR = 1 << 16 };

#define ENTRY(name) &wg__op_##name,
static const wg_op *const built_in[] = {
#include "autograd/ops/all.def"
};
enum { BUILT_IN = sizeof built_in / sizeof built_in[0] };

static const wg_op *registered[MAX_USER_OPS];
static atomic_int registered_count;
static pthread_mutex_t registering = PTHREAD_MUTEX_INITIALIZER;

int wg_op_count(void) { return BUILT_IN + atomic_load(&registered_count); }

const wg_op *wg_op_at(int i) {
    if (i < 0 || i >= wg_op_count()) return NULL;
    return i < BUILT_IN ? built_in[i] : registered[i - BUILT_IN];
}

const wg_op *wg_op_find(const char *name) {
    for (int i = 0; name && i < wg_op_count(); i++)
        if (strcmp(wg_op_at(i)->name, name) == 0) return wg_op_at(i);
    return NULL;
}

static bool is_identifier(const char *name) {
    if (!name || !(isalpha((unsigned char)name[0]) || name[0] == '_')) return false;
    for (const char *p = name; *p; p++)
        if (!isalnum((unsigned char)*p) && *p != '_') return false;
    return true;
}

/* Whether the table describes fields that lie within the attributes, aligned, and these are no more
   than each record on the tape can hold. */
static bool attrs_fit(const wg_op *op) {
    static const size_t size[] = { sizeof(int64_t), sizeof(double), sizeof(bool), sizeof(wg_shape),
                                   WG_TEXT_SIZE };
    static const size_t align[] = { _Alignof(int64_t), _Alignof(double), _Alignof(bool),
                                    _Alignof(wg_shape), _Alignof(char) };
    if (op->attr_size > MAX_ATTR) return false;
    for (const wg_attr *a = op->attrs; a && a->name; a++) {
        if ((unsigned)a->type > WG_ATTR_TEXT || a->offset > op->attr_size) return false;
        if (size[a->type] > op->attr_size - a->offset) return false;
        if (a->offset % align[a->type] != 0) return false;
        if (op->map && a->type != WG_ATTR_REAL) return false;
    }
    return !op->attr_size == !op->attrs;
}

static bool saves_fit(const wg_op *op) {
    unsigned most = op->inputs_max ? op->inputs_max : op->inputs;
    uint32_t inputs = op->saves & ~(WG_SAVES_OUT | WG_SAVES_NOTHING);
    return most >= 30 || inputs >> most == 0;
}

const char *wg__op_flaw(const wg_op *op) {
    bool excused = op->flags & (WG_OP_ZERO_GRADIENT | WG_OP_NO_GRADIENT);
    if (!is_identifier(op->name)) return "its name is no C identifier";
    if (strlen(op->name) > WG__NAME_MAX) return "its name has more than 64 characters";
    if (op->abi != WG_OP_ABI) return "its record is of another version: .abi must be WG_OP_ABI";
    if (!op->doc || !op->doc[0]) return "it has no .doc";
    if (op->inputs == 0 && op->inputs_max == 0) return "it takes no inputs";
    if (op->inputs > WG_MAX_INPUTS || op->inputs_max > WG_MAX_INPUTS ||
        (op->inputs_max && op->inputs_max < op->inputs))
        return "its number of inputs is out of range";
    if (op->map && (op->inputs > WG__MAP_INPUTS || op->inputs_max > WG__MAP_INPUTS))
        return "an elementwise operation has at most 7 inputs";
    if (!attrs_fit(op))
        return ".attrs and .attr_size do not fit each other (with .map, all are REAL)";
    if (!saves_fit(op)) return ".saves names an input that it does not have";
    if (!op->map && !op->infer && !op->compose) return "it has none of .map, .infer, .compose";
    if (op->compose &&
        (op->map || op->forward || op->vjp || op->vjp_all || op->jvp || op->backward))
        return "with .compose all else follows from its pieces";
    if (op->compose) excused = true;
    if (op->vjp && op->vjp_all) return "it has both .vjp and .vjp_all";
    if (!excused && !op->vjp && !op->vjp_all) return "it has no .vjp, and no flag that says why";
    if (!excused && !op->jvp) return "it has no .jvp, and no flag that says why";
    if (!op->samples[0]) return "it has no .samples, so nothing would test it";
    return NULL;
}

bool wg_op_register(const wg_op *op) {
    if (wg__pending()) return false;
    if (!op) return wg_fail(WG_ERROR_ARGUMENT, "wg_op_register: the record is NULL");
    const char *why = wg__op_flaw(op);
    pthread_mutex_lock(&registering);
    int count = atomic_load(&registered_count);
    if (!why && wg_op_find(op->name)) why = "the name is taken";
    if (!why && count == MAX_USER_OPS) why = "the list is full";
    if (!why) {
        registered[count] = op;
        atomic_store(&registered_count, count + 1);
    }
    pthread_mutex_unlock(&registering);
    if (!why) return true;
    return wg_fail(WG_ERROR_ARGUMENT, "wg_op_register: %s: %s", op->name ? op->name : "?", why);
}

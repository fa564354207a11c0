// SPDX-License-Identifier: MIT
/* registry.c: the list of all operations, for whoever walks it: tests, fuzzers, documents. Those of the
   library stand in it from the start; nothing in the engine looks here. */
#include <ctype.h>
#include <pthread.h>
#include <string.h>

#include "autograd/autograd_impl.h"
#include "tensor/kernels/kernels.h"

enum { MAX_USER_OPS = 1024 };

#define OP(name) &wg__op_##name,
#define UNARY(name, ...) OP(name)
#define UNARY1(name, ...) OP(name)
#define UNARY2(name, ...) OP(name)
#define UNARY_FLAT(name, ...) OP(name)
#define PREDICATE(name, ...) OP(name)
#define BINARY(name, ...) OP(name)
#define COMPARE(name, ...) OP(name)
static const wg_op *const built_in[] = {
#include "autograd/ops/unary.def"
#include "autograd/ops/binary.def"
#include "autograd/ops/ops.def"
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

/* What is missing in a record, or NULL. */
static const char *flaw(const wg_op *op) {
    bool excused = op->flags & (WG_OP_ZERO_GRADIENT | WG_OP_NO_GRADIENT);
    if (op->abi != WG_OP_ABI) return "its record is of another version: .abi must be WG_OP_ABI";
    if (!op->doc || !op->doc[0]) return "it has no .doc";
    if (op->inputs == 0 && op->inputs_max == 0) return "it takes no inputs";
    if (op->inputs > WG_MAX_INPUTS || op->inputs_max > WG_MAX_INPUTS ||
        (op->inputs_max && op->inputs_max < op->inputs))
        return "its number of inputs is out of range";
    if (op->map && (op->inputs > WG__MAP_INPUTS || op->inputs_max > WG__MAP_INPUTS))
        return "an elementwise operation has at most 7 inputs";
    if (!op->map && !op->infer) return "it has neither .map nor .infer";
    if (!excused && !op->vjp) return "it has no .vjp, and no flag that says why";
    if (!excused && !op->jvp) return "it has no .jvp, and no flag that says why";
    if (op->attr_size && !op->attrs) return "it has attributes but no table of them";
    if (!op->samples[0]) return "it has no .samples, so nothing would test it";
    return NULL;
}

bool wg_op_register(const wg_op *op) {
    if (wg__pending()) return false;
    if (!op || !is_identifier(op->name))
        return wg_fail(WG_ERROR_ARGUMENT, "wg_op_register: %s",
                       op ? "the name is no C identifier" : "NULL");
    const char *why = flaw(op);
    if (why) return wg_fail(WG_ERROR_ARGUMENT, "wg_op_register: %s: %s", op->name, why);
    if (wg_op_find(op->name))
        return wg_fail(WG_ERROR_ARGUMENT, "wg_op_register: %s: the name is taken", op->name);
    pthread_mutex_lock(&registering);
    int count = atomic_load(&registered_count);
    bool room = count < MAX_USER_OPS;
    if (room) {
        registered[count] = op;
        atomic_store(&registered_count, count + 1);
    }
    pthread_mutex_unlock(&registering);
    return room ||
           wg_fail(WG_ERROR_MEMORY, "wg_op_register: %s: there are %d already", op->name, count);
}

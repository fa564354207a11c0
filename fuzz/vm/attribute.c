// SPDX-License-Identifier: MIT
/* attribute.c: one attribute of a call made another, by its type alone. */
#include <math.h>

#include "fuzz/vm/vm_impl.h"

static void change_int(void *field, unsigned how, int rank) {
    int64_t *value = field;
    uint64_t was = (uint64_t)*value;  // unsigned, for it may be the smallest there is
    switch (how % 4) {
    case 0: *value = (int64_t)(was + 1); break;
    case 1: *value = (int64_t)(was - 1); break;
    case 2: *value = (int64_t)(0 - was); break;
    default: *value = (int64_t)(how / 4 % (2 * (unsigned)rank + 1)) - rank;
    }
}

static void change_real(void *field, unsigned how, int rank) {
    static const double factor[] = { 0.5, 2, -1, 0, 3, 0.125, 1.5, -0.5 };
    double *value = field;
    (void)rank;
    double changed = *value != 0 ? *value * factor[how % 8] : factor[how % 8];
    if (!isnan(changed)) *value = changed;  // 0 times an infinite bound
}

static void change_bool(void *field, unsigned how, int rank) {
    bool *value = field;
    (void)how, (void)rank;
    *value = !*value;
}

static void change_list(void *field, unsigned how, int rank) {
    wg_shape *list = field;
    int n = list->rank, at = n ? (int)(how / 4) % n : 0;
    int64_t first = n ? list->dim[0] : 0;
    if (n == 0 || (how % 4 == 3 && n < WG_MAX_RANK)) {  // one more
        list->dim[list->rank++] = (int64_t)(how / 4 % 3);
    } else if (how % 4 == 0) {  // turned round
        for (int i = 0; i + 1 < n; i++) list->dim[i] = list->dim[i + 1];
        list->dim[n - 1] = first;
    } else if (how % 4 == 1) {  // counted from the other end
        list->dim[at] += list->dim[at] < 0 ? rank : -rank;
    } else {
        list->dim[at] += how / 4 % 2 ? 1 : -1;
    }
}

static void change_text(void *field, unsigned how, int rank) { (void)field, (void)how, (void)rank; }

void wg__vm_change_attribute(const wg_op *op, void *attr, unsigned code, int rank) {
    static void (*const change[])(void *, unsigned, int) = {
        [WG_ATTR_INT] = change_int,   [WG_ATTR_REAL] = change_real, [WG_ATTR_BOOL] = change_bool,
        [WG_ATTR_LIST] = change_list, [WG_ATTR_TEXT] = change_text,
    };
    unsigned fields = 0;
    while (op->attrs && op->attrs[fields].name) fields++;
    if (fields == 0 || code == 0) return;
    const wg_attr *a = &op->attrs[(code - 1) % fields];
    change[a->type]((char *)attr + a->offset, (code - 1) / fields, rank);
}

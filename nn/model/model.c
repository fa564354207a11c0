// SPDX-License-Identifier: MIT
/* model.c: models: making, freeing, parts, modes, and who else points to one. */
#include <stdarg.h>

#include "nn/nn_impl.h"

/* ---- models ---------------------------------------------------------------------------------- */

wg_nn *wg_nn_new(uint64_t seed) {
    if (wg__pending()) return NULL;
    wg__where("");
    wg__model *model = wg__alloc_zero(sizeof *model);
    if (!model) return NULL;
    *model = (wg__model){ .seed = seed, .training = true };
    model->root = wg__nn_node(model, NULL, NULL);
    if (model->root) return model->root;
    wg__free(model);
    return NULL;
}

void wg_nn_free(wg_nn *m) {
    if (!m) return;
    wg__where("");
    wg__model *model = m->model;
    while (model->refs) wg__nn_ref_drop(model->refs);
    for (int i = 0; i < model->entries; i++) {
        wg__tensor_release_owned(model->entry[i]->param);
        wg__tensor_release_owned(model->entry[i]->buffer);
    }
    for (size_t i = 0; i < model->slots; i++) wg__free(model->slot[i]);
    wg__free(model->slot);
    wg__free(model->entry);
    wg__free(model->root);
    wg__free(model);
}

void wg__nn_ref_take(wg__nn_ref *ref, wg_nn *m) {
    *ref = (wg__nn_ref){ .m = m, .next = m->model->refs };
    if (ref->next) ref->next->prev = ref;
    m->model->refs = ref;
}

void wg__nn_ref_drop(wg__nn_ref *ref) {
    if (!ref->m) return;
    if (ref->next) ref->next->prev = ref->prev;
    if (ref->prev)
        ref->prev->next = ref->next;
    else
        ref->m->model->refs = ref->next;
    *ref = (wg__nn_ref){ 0 };
}

wg_nn *wg_nn_sub(wg_nn *m, const char *format, ...) {
    if (wg__pending()) return NULL;
    wg__where(m ? m->path : "");
    if (!m || !format)
        return WG__FAIL_NULL(WG_ERROR_ARGUMENT, "nn_sub: %s is NULL", m ? "the name" : "the model");
    char name[WG__PATH_MAX + 1];
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(name, sizeof name, format, arguments);
    va_end(arguments);
    if (n < 0 || (size_t)n >= sizeof name)
        return WG__FAIL_NULL(WG_ERROR_ARGUMENT, "nn_sub: a name of %d bytes, at most %d fit a path",
                             n, WG__PATH_MAX);
    return wg_nn_enter(m, name, "nn_sub");
}

bool wg_nn_train(wg_nn *m, bool on) {
    if (!m) return wg__where(""), wg_fail(WG_ERROR_ARGUMENT, "nn_train: the model is NULL");
    bool was = m->model->training;
    m->model->training = on;
    return was;
}
bool wg_nn_is_training(const wg_nn *m) { return m && m->model->training; }

void wg_nn_seal(wg_nn *m) {
    if (m)
        m->model->sealed = true;
    else
        wg__where(""), wg_fail(WG_ERROR_ARGUMENT, "nn_seal: the model is NULL");
}
bool wg_nn_is_sealed(const wg_nn *m) { return m && m->model->sealed; }

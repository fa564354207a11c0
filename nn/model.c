// SPDX-License-Identifier: MIT
/* model.c: models, their parameters, and copying them. A parameter is a leaf that its node owns; a
   list keeps the order in which they were made. */
#include <stdarg.h>
#include <string.h>

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
    for (int i = 0; i < model->params; i++) wg__tensor_release_owned(model->param[i]->param);
    for (size_t i = 0; i < model->slots; i++) wg__free(model->slot[i]);
    wg__free(model->slot);
    wg__free(model->param);
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
    return wg__nn_enter(m, name, "nn_sub");
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

/* ---- parameters ------------------------------------------------------------------------------ */

// Levenshtein's distance, one row at a time.
static int edits(const char *a, const char *b) {
    int row[WG__PATH_MAX + 1], n = (int)strlen(b);
    for (int j = 0; j <= n; j++) row[j] = j;
    for (int i = 1; a[i - 1]; i++) {
        int diagonal = row[0];
        row[0] = i;
        for (int j = 1; j <= n; j++) {
            int best = diagonal + (a[i - 1] != b[j - 1]);
            if (row[j] + 1 < best) best = row[j] + 1;
            if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
            diagonal = row[j];
            row[j] = best;
        }
    }
    return row[n];
}

static const char *nearest(const wg__model *model, const char *path) {
    const char *best = NULL;
    int least = 0;
    for (int i = 0; i < model->params; i++) {
        int d = edits(path, model->param[i]->path);
        if (best && d >= least) continue;
        best = model->param[i]->path;
        least = d;
    }
    return best;
}

static bool sealed_fail(const wg_nn *m, const char *name) {
    char path[WG__PATH_MAX + 1];
    snprintf(path, sizeof path, "%s%s%s", m->path, m->length ? "/" : "", name);
    const char *hint = nearest(m->model, path);
    return wg_fail(WG_ERROR_STATE, "the model is sealed and has no parameter \"%s\"%s%s%s", path,
                   hint ? "; the nearest is \"" : "", hint ? hint : "", hint ? "\"" : "");
}

static bool same_spec(const wg_nn *node, wg_dtype dtype, const wg_shape *shape) {
    const wg_view *v = &node->param->view;
    if (v->dtype == dtype && wg__shape_equal(&v->shape, shape)) return true;
    char has[200], wanted[200];
    return wg_fail(v->dtype == dtype ? WG_ERROR_SHAPE : WG_ERROR_DTYPE,
                   "the parameter \"%s\" is %s %s, asked for as %s %s", node->path,
                   wg_dtype_name(v->dtype), wg_shape_text(v->shape, has, sizeof has),
                   wg_dtype_name(dtype), wg_shape_text(*shape, wanted, sizeof wanted));
}

static bool reserve(wg__model *model, int more) {
    int wanted = model->params + more;
    if (wanted <= model->room) return true;
    int room = wanted < 2 * model->room ? 2 * model->room : wanted + 14;
    size_t size = sizeof *model->param;
    wg_nn **param = wg__resize(model->param, (size_t)model->params * size, (size_t)room * size);
    if (!param) return false;
    model->param = param;
    model->room = room;
    return true;
}

// Room must be reserved.
static void adopt(wg_nn *node, wg_tensor *w) {
    w->leaf = true;
    node->param = w;
    node->model->param[node->model->params++] = node;
}

// What a parameter starts from is no draw of a function that may run again and then finds it here.
static bool fill(wg_tensor *w, wg_init init, wg_random r) {
    wg__context *ctx = wg__ctx();
    wg__journal *journal = ctx->journal;
    ctx->journal = NULL;
    bool done = wg__init_fill(w, init, r);
    ctx->journal = journal;
    return done;
}

static wg_tensor *make(wg_nn *m, const wg__key *k, wg_tensor *w, wg_init init) {
    wg_nn *node = w ? wg__nn_find_or_make(m, k) : NULL;
    if (!node || !reserve(m->model, 1) ||
        !fill(w, init, (wg_random){ .seed = m->model->seed, .stream = node->stream })) {
        wg__tensor_free(w);
        return NULL;
    }
    adopt(node, w);
    return w;
}

wg_tensor *wg_nn_param(wg_nn *m, const char *name, wg_dtype dtype, wg_shape shape, wg_init init) {
    if (wg__pending()) return NULL;
    wg__where(m ? m->path : "");
    if (!m || !name)
        return WG__FAIL_NULL(WG_ERROR_ARGUMENT, "nn_param: %s is NULL",
                             m ? "the name" : "the model");
    wg__key k;
    if (!wg__key_of(m, name, &k)) return wg__name_fail(m, name);
    const wg_nn *node = wg__nn_lookup(m, &k);
    if (node && node->param) return same_spec(node, dtype, &shape) ? node->param : NULL;
    if (m->model->sealed) return sealed_fail(m, name), NULL;
    if (!wg_dtype_is_float(dtype))
        return WG__FAIL_NULL(WG_ERROR_DTYPE, "the parameter \"%s\" cannot be %s, but f32 or f64",
                             name, wg_dtype_name(dtype));
    return make(m, &k, wg__tensor_new_owned(dtype, shape), init);
}

static bool is_below(const wg_nn *node, const wg_nn *m) {
    return m->length == 0 || (node->length > m->length && node->path[m->length] == '/' &&
                              memcmp(node->path, m->path, m->length) == 0);
}

wg_nn *wg__nn_next(const wg_nn *m, const char *pattern, int *i) {
    const wg__model *model = m->model;
    while (*i < model->params) {
        wg_nn *node = model->param[(*i)++];
        if (is_below(node, m) && (!pattern || wg__path_matches(pattern, node->path))) return node;
    }
    return NULL;
}

int wg__nn_places(const wg_nn *m) { return m->model->params; }
const char *wg__nn_path(const wg_nn *m, int place) { return m->model->param[place]->path; }
wg_tensor *wg__nn_param_next(const wg_nn *m, int *i) {
    const wg_nn *node = wg__nn_next(m, NULL, i);
    return node ? node->param : NULL;
}

int wg_nn_params(const wg_nn *m, const char *pattern) {
    int count = 0;
    for (int i = 0; m && wg__nn_next(m, pattern, &i);) count++;
    return count;
}

static const wg_nn *node_at(const wg_nn *m, const char *pattern, int i) {
    const wg_nn *node = NULL;
    for (int at = 0; m && i >= 0; i--)
        if (!(node = wg__nn_next(m, pattern, &at))) return NULL;
    return node;
}
wg_tensor *wg_nn_param_at(const wg_nn *m, const char *pattern, int i) {
    const wg_nn *node = node_at(m, pattern, i);
    return node ? node->param : NULL;
}
const char *wg_nn_path_at(const wg_nn *m, const char *pattern, int i) {
    const wg_nn *node = node_at(m, pattern, i);
    return node ? node->path : NULL;
}

int64_t wg_nn_count(const wg_nn *m, const char *pattern) {
    int64_t count = 0;
    const wg_nn *node;
    for (int i = 0; m && (node = wg__nn_next(m, pattern, &i));) count += wg_numel(node->param);
    return count;
}

wg_tensor *wg_nn_find(const wg_nn *m, const char *path) {
    wg__key k;
    if (!m || !path || !wg__key_of(m, path, &k)) return NULL;
    const wg_nn *node = wg__nn_lookup(m, &k);
    return node ? node->param : NULL;
}

/* ---- copying: look at everything, make everything, and only then change anything ------------- */

static const char *name_below(const wg_nn *node, const wg_nn *m) {
    return node->path + wg__path_length(m, 0);
}

// The node of `to` that corresponds to p below `from`; NULL if it has no parameter yet.
static wg_nn *counterpart(const wg_nn *to, const wg_nn *from, const wg_nn *p) {
    wg__key k;
    wg_nn *node = wg__key_of(to, name_below(p, from), &k) ? wg__nn_lookup(to, &k) : NULL;
    return node && node->param ? node : NULL;
}

static bool copy_check(const wg_nn *to, const wg_nn *from, size_t *missing) {
    const wg_nn *p;
    for (int i = 0; (p = wg__nn_next(from, NULL, &i));) {
        const char *name = name_below(p, from);
        const wg_nn *node = counterpart(to, from, p);
        wg__key k;
        if (!wg__key_of(to, name, &k)) return wg__name_fail(to, name), false;
        if (node && !same_spec(node, p->param->view.dtype, &p->param->view.shape)) return false;
        if (!node && to->model->sealed) return sealed_fail(to, name);
        if (!node) ++*missing;
    }
    return true;
}

// The tensors that `to` lacks, in order; all of them or none.
static bool copy_make(wg_nn *to, const wg_nn *from, wg_tensor *made[]) {
    const wg_nn *p;
    int count = 0;
    for (int i = 0; (p = wg__nn_next(from, NULL, &i));) {
        if (counterpart(to, from, p)) continue;
        wg__key k;
        made[count] = NULL;
        if (wg__key_of(to, name_below(p, from), &k) && wg__nn_find_or_make(to, &k))
            made[count] = wg__tensor_new_owned(p->param->view.dtype, p->param->view.shape);
        if (!made[count++]) break;
    }
    if (!p && reserve(to->model, count)) return true;
    while (count > 0) wg__tensor_free(made[--count]);
    return false;
}

static void copy_commit(wg_nn *to, const wg_nn *from, wg_tensor *made[]) {
    const wg_nn *p;
    for (int i = 0, next = 0; (p = wg__nn_next(from, NULL, &i));) {
        wg__key k;
        (void)wg__key_of(to, name_below(p, from), &k);
        wg_nn *node = wg__nn_lookup(to, &k);
        if (!node->param) adopt(node, made[next++]);
        const wg_view *v = &p->param->view;
        memcpy(node->param->view.data, v->data, (size_t)wg_numel(p->param) * wg__size_of(v->dtype));
        wg__touch(node->param);
    }
}

bool wg_nn_copy(wg_nn *to, const wg_nn *from) {
    if (wg__pending()) return false;
    wg__where("");
    if (!to || !from) return wg_fail(WG_ERROR_ARGUMENT, "nn_copy: %s is NULL", to ? "from" : "to");
    if (to == from) return true;
    if (to->model == from->model && (is_below(to, from) || is_below(from, to)))
        return wg_fail(WG_ERROR_ARGUMENT, "nn_copy: one of \"%s\" and \"%s\" contains the other",
                       to->path, from->path);
    size_t missing = 0;
    if (!copy_check(to, from, &missing)) return false;
    wg_tensor **made = wg__alloc(missing * sizeof *made);
    bool done = made && copy_make(to, from, made);
    if (done) copy_commit(to, from, made);
    wg__free(made);
    return done;
}

// SPDX-License-Identifier: MIT
/* save.c: a model as a file: an archive is made of what it holds, whose tensors are the model's
   own. */
#include <string.h>

#include "io/io.h"
#include "nn/nn_impl.h"

enum { NAME = 512 };  // bytes of a name in the file

typedef struct saving {
    const wg_nn *m;
    const wg_nn_file_options *o;
    const char *file;
    wg_named_tensor *tensor;
    wg_named_text *text;
    char (*name)[NAME];  // two to a node: its own, and of a tie that of what it is tied to
    int tensors, texts, names;
} saving;

static const char *name_of(saving *s, const wg_nn *node) {
    const char *path = node->path + wg__path_length(s->m, 0);
    const char *prefix = s->o->prefix ? s->o->prefix : "";
    char *name = s->name[s->names++], own[NAME] = "";
    bool done = !s->o->rename || s->o->rename(s->o->user, path, own, sizeof own);
    if (done && !memchr(own, 0, sizeof own))
        return WG__FAIL_NULL(WG_ERROR_ARGUMENT,
                             "%s: rename gave \"%s\" a name without a closing 0 in %d bytes",
                             s->file, node->path, NAME);
    int n = done ? snprintf(name, NAME, "%s%s", prefix, s->o->rename ? own : path) : -1;
    if (n >= 0 && n < NAME) return name;
    return WG__FAIL_NULL(WG_ERROR_ARGUMENT, "%s: \"%s\" has no name of at most %d bytes", s->file,
                         node->path, NAME - 1);
}

// A tie that leads out of m is a value of its own.
static bool add(saving *s, const wg_nn *node) {
    const char *name = name_of(s, node);
    if (!name) return false;
    bool tied = node->tied && wg__nn_is_below(node->tied, s->m);
    const char *about = tied ? name_of(s, node->tied) : node->buffer ? "buffer" : NULL;
    if (tied && !about) return false;
    if (about) s->text[s->texts++] = (wg_named_text){ name, about };
    if (!tied) s->tensor[s->tensors++] = (wg_named_tensor){ name, wg__nn_value(node) };
    return true;
}

static bool save(saving *s, size_t held) {
    s->tensor = wg__alloc(held * sizeof *s->tensor);
    s->text = s->tensor ? wg__alloc(held * sizeof *s->text) : NULL;
    s->name = s->text ? wg__alloc(2 * held * sizeof *s->name) : NULL;
    bool done = s->name != NULL;
    const wg_nn *node;
    for (int i = 0; done && (node = wg__nn_next_saved(s->m, NULL, &i));) done = add(s, node);
    const wg_archive a = { s->tensor, s->tensors, s->text, s->texts };
    done = done && wg_io_save_safetensors(s->file, &a);
    wg__free(s->name);
    wg__free(s->text);
    wg__free(s->tensor);
    return done;
}

bool wg_nn_save_with(const wg_nn *m, const char *path, wg_nn_file_options o) {
    if (wg__pending()) return false;
    wg__where(m ? m->path : "");
    if (!m || !path)
        return wg_fail(WG_ERROR_ARGUMENT, "nn_save: %s is NULL", m ? "the path" : "the model");
    size_t held = 0;
    for (int i = 0; wg__nn_next_saved(m, NULL, &i);) held++;
    if (held == 0)
        return wg_fail(WG_ERROR_STATE,
                       "nn_save: the model holds nothing: the network must run first");
    saving s = { .m = m, .o = &o, .file = path };
    return save(&s, held);
}

bool wg_nn_save(const wg_nn *m, const char *path) {
    return wg_nn_save_with(m, path, (wg_nn_file_options){ .prefix = NULL });
}

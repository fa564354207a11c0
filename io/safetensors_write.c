// SPDX-License-Identifier: MIT
/* safetensors_write.c: writing safetensors as the reference implementation does: tensors by type,
   the widest kinds first, then by name; JSON without blanks, padded to a multiple of 8 bytes. The
   header is written twice by one function, first to nowhere, to learn its length. */
#include <stdlib.h>
#include <string.h>

#include "io/json_impl.h"
#include "io/safetensors_impl.h"

enum { PAD = 8 };

/* ---- what can be written --------------------------------------------------------------------- */

static int type_of(wg_dtype dtype) {
    int type = WG__ST_TYPES - 1;
    while (wg__st_wire(type)->dtype != dtype || wg__st_wire(type)->widen) type--;
    return type;
}

static bool name_fits(const char *path, const char *name, const char *what) {
    size_t where;
    if (!name) return wg_fail(WG_ERROR_ARGUMENT, "%s: %s is NULL", path, what);
    if (!wg__utf8_valid(name, strlen(name), &where))
        return wg_fail(WG_ERROR_ARGUMENT, "%s: %s \"%.100s\" is not UTF-8 from byte %zu on", path,
                       what, name, where);
    return true;
}

static bool archive_fits(const char *path, const wg_archive *a) {
    if (a->tensors < 0 || a->texts < 0 || (a->tensors && !a->tensor) || (a->texts && !a->text))
        return wg_fail(WG_ERROR_ARGUMENT, "%s: an archive of %d tensors at %s and %d texts at %s",
                       path, a->tensors, a->tensor ? "a list" : "NULL", a->texts,
                       a->text ? "a list" : "NULL");
    for (int i = 0; i < a->tensors; i++) {
        if (!name_fits(path, a->tensor[i].name, "the name of a tensor")) return false;
        if (!a->tensor[i].value)
            return wg_fail(WG_ERROR_ARGUMENT, "%s: the tensor \"%.200s\" is NULL", path,
                           a->tensor[i].name);
        if (!wg__alive(path, a->tensor[i].value)) return false;
        if (strcmp(a->tensor[i].name, WG__ST_METADATA) == 0)
            return wg_fail(WG_ERROR_ARGUMENT, "%s: no tensor can be named %s", path,
                           WG__ST_METADATA);
    }
    for (int i = 0; i < a->texts; i++)
        if (!name_fits(path, a->text[i].name, "the name of a text") ||
            !name_fits(path, a->text[i].text, "a text"))
            return false;
    return true;
}

/* ---- order ----------------------------------------------------------------------------------- */

typedef struct item {
    const char *name;
    wg_tensor *value;  // NULL for a text
    int type;
    void *copy;  // of values that do not stand in the file's order
} item;

static int by_name(const void *a, const void *b) {
    return strcmp(((const item *)a)->name, ((const item *)b)->name);
}
static int by_type_and_name(const void *a, const void *b) {
    int type = ((const item *)b)->type - ((const item *)a)->type;
    return type ? type : by_name(a, b);
}

static bool names_differ(const char *path, item *list, int n) {
    if (n) qsort(list, (size_t)n, sizeof *list, by_name);
    for (int i = 1; i < n; i++)
        if (strcmp(list[i].name, list[i - 1].name) == 0)
            return wg_fail(WG_ERROR_ARGUMENT, "%s: \"%.200s\" is there twice", path, list[i].name);
    return true;
}

static bool put_in_order(const char *path, const wg_archive *a, item *list) {
    for (int i = 0; i < a->texts; i++) list[i] = (item){ .name = a->text[i].name };
    if (!names_differ(path, list, a->texts)) return false;
    for (int i = 0; i < a->tensors; i++)
        list[i] = (item){ .name = a->tensor[i].name,
                          .value = a->tensor[i].value,
                          .type = type_of(wg_dtype_of(a->tensor[i].value)) };
    if (!names_differ(path, list, a->tensors)) return false;
    if (a->tensors) qsort(list, (size_t)a->tensors, sizeof *list, by_type_and_name);
    return true;
}

/* ---- the header ------------------------------------------------------------------------------ */

typedef struct writer {
    char *out;  // NULL: only counts
    size_t size;
} writer;

static void put(writer *w, const char *text, size_t n) {
    if (w->out) memcpy(w->out + w->size, text, n);
    w->size += n;
}
static void put_text(writer *w, const char *text) { put(w, text, strlen(text)); }

static void put_number(writer *w, int64_t n) {
    char text[24];
    put(w, text, (size_t)snprintf(text, sizeof text, "%lld", (long long)n));
}

static void put_string(writer *w, const char *text) {
    static const char plain[] = "\"\\\b\f\n\r\t", name[] = "\"\\bfnrt";
    put_text(w, "\"");
    for (; *text; text++) {
        const char *known = strchr(plain, *text);
        char escape[8];
        if (known)
            put(w, (char[]){ '\\', name[known - plain] }, 2);
        else if ((unsigned char)*text < ' ')
            put(w, escape, (size_t)snprintf(escape, sizeof escape, "\\u%04x", *text));
        else
            put(w, text, 1);
    }
    put_text(w, "\"");
}

static size_t bytes_of(const item *t) {
    return (size_t)wg_numel(t->value) * wg_dtype_size(wg_dtype_of(t->value));
}

static void put_tensor(writer *w, const item *t, size_t begin) {
    put_string(w, t->name);
    put_text(w, ":{\"dtype\":\"");
    put_text(w, wg__st_type_name[t->type]);
    put_text(w, "\",\"shape\":[");
    for (int i = 0; i < wg_rank(t->value); i++) {
        if (i) put_text(w, ",");
        put_number(w, wg_dim(t->value, i));
    }
    put_text(w, "],\"data_offsets\":[");
    put_number(w, (int64_t)begin);
    put_text(w, ",");
    put_number(w, (int64_t)(begin + bytes_of(t)));
    put_text(w, "]}");
}

static void put_texts(writer *w, const wg_archive *a) {
    put_text(w, "\"" WG__ST_METADATA "\":{");
    for (int i = 0; i < a->texts; i++) {
        if (i) put_text(w, ",");
        put_string(w, a->text[i].name);
        put_text(w, ":");
        put_string(w, a->text[i].text);
    }
    put_text(w, a->tensors ? "}," : "}");
}

static void put_header(writer *w, const wg_archive *a, const item *list) {
    size_t begin = 0;
    put_text(w, "{");
    if (a->texts) put_texts(w, a);
    for (int i = 0; i < a->tensors; begin += bytes_of(&list[i++])) {
        if (i) put_text(w, ",");
        put_tensor(w, &list[i], begin);
    }
    put_text(w, "}");
    while (w->size % PAD) put_text(w, " ");
}

// The file up to the first value; NULL after reporting.
static char *make_header(const char *path, const wg_archive *a, const item *list, size_t *size) {
    writer w = { NULL, 0 };
    put_header(&w, a, list);
    if (w.size > WG__ST_HEADER_MAX)
        return WG__FAIL_NULL(WG_ERROR_ARGUMENT, "%s: a header of %zu bytes, at most %d are allowed",
                             path, w.size, WG__ST_HEADER_MAX);
    *size = WG__ST_PREFIX + w.size;
    char *file = wg__alloc(*size);
    if (!file) return NULL;
    for (int i = 0; i < WG__ST_PREFIX; i++) file[i] = (char)((uint64_t)w.size >> 8 * i);
    w = (writer){ file + WG__ST_PREFIX, 0 };
    put_header(&w, a, list);
    return file;
}

/* ---- values ---------------------------------------------------------------------------------- */

static bool values_of(item *t, wg__bytes *part) {
    *part = (wg__bytes){ t->value->view.data, bytes_of(t) };
    if (wg_is_contiguous(t->value) && wg__little_endian()) return true;
    t->copy = wg__alloc(part->size);
    if (!t->copy || !wg_read(t->value, t->copy, wg_numel(t->value))) return false;
    wg__wire_decode(wg__st_wire(t->type), false, t->copy,
                    wg_numel(t->value));  // swapping is its own undoing
    part->data = t->copy;
    return true;
}

static bool write_all(const char *path, const wg_archive *a, item *list, wg__bytes *part) {
    if (!put_in_order(path, a, list)) return false;
    char *header = make_header(path, a, list, &part[0].size);
    bool done = header != NULL;
    part[0].data = header;
    for (int i = 0; done && i < a->tensors; i++) done = values_of(&list[i], &part[i + 1]);
    return done;
}

bool wg__st_write(const char *name, const wg_archive *a, wg__write_parts *write) {
    if (!archive_fits(name, a)) return false;
    size_t most = (size_t)(a->tensors > a->texts ? a->tensors : a->texts);
    item *list = wg__alloc_zero((most + 1) * sizeof *list);
    wg__bytes *part = list ? wg__alloc_zero((most + 1) * sizeof *part) : NULL;
    bool done = part && write_all(name, a, list, part) && write(name, part, a->tensors + 1);
    for (size_t i = 0; list && i < most; i++) wg__free(list[i].copy);
    wg__free(part ? (void *)(uintptr_t)part[0].data : NULL);
    wg__free(part);
    wg__free(list);
    return done;
}

bool wg_io_save_safetensors(const char *path, const wg_archive *a) {
    if (wg__pending()) return false;
    if (!path || !a)
        return wg_fail(WG_ERROR_ARGUMENT, "wg_io_save_safetensors: %s is NULL",
                       path ? "the archive" : "path");
    return wg__st_write(path, a, wg__file_write);
}

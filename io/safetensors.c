// SPDX-License-Identifier: MIT
/* safetensors.c: reading safetensors. The header, JSON, is copied once and decoded in place, so
   that names are pieces of it; then every tensor must follow the one before it, to the byte and up
   to the end of the file, before memory is asked for any of them. */
#include <stdlib.h>
#include <string.h>

#include "io/json_impl.h"
#include "io/safetensors_impl.h"

/* ---- types ----------------------------------------------------------------------------------- */

const char *const wg__st_type_name[WG__ST_TYPES] = { "BOOL", "U8",  "I8",  "I16", "U16", "F16",
                                                     "BF16", "I32", "F32", "F64", "I64" };

// bfloat16 is the upper half of a float.
static void widen_bf16(void *values, int64_t n) {
    char *p = values;
    for (int64_t i = n - 1; i >= 0; i--) {
        uint16_t half;
        memcpy(&half, p + 2 * i, sizeof half);
        uint32_t bits = (uint32_t)half << 16;
        memcpy(p + 4 * i, &bits, sizeof bits);
    }
}

const wg__wire *wg__st_wire(int type) {
    static const wg__wire bf16 = { "", 2, WG_F32, widen_bf16 };
    static const char code[WG__ST_TYPES][3] = { "b1", "u1", "i1", "i2", "u2", "f2",
                                                "",   "i4", "f4", "f8", "i8" };
    return code[type][0] ? wg__wire_find(code[type], 2) : &bf16;
}

static const wg__wire *find_type(const char *name) {
    for (int i = 0; i < WG__ST_TYPES; i++)
        if (strcmp(name, wg__st_type_name[i]) == 0) return wg__st_wire(i);
    return NULL;
}

/* ---- what the header says -------------------------------------------------------------------- */

typedef struct entry {
    const char *name;
    const wg__wire *wire;
    wg_shape shape;
    int64_t begin, end;  // in the data
} entry;

typedef struct header {
    wg__json json;
    entry *entry;
    wg_named_text *text;
    size_t entries, texts, entry_room, text_room;
} header;

static const char *file_of(const header *h) { return h->json.name; }

// Room for one more, twice as much as before when there is none.
static void *grow(void *list, size_t used, size_t *room, size_t each) {
    if (used < *room) return list;
    size_t more = *room ? 2 * *room : 16;
    void *grown = wg__resize(list, used * each, more * each);
    if (grown) *room = more;
    return grown;
}

static bool read_metadata(header *h) {
    wg__json *j = &h->json;
    if (wg__json_null(j)) return true;
    if (!wg__json_take(j, '{')) return false;
    int more;
    for (int64_t n = 0; (more = wg__json_item(j, '}', n)) > 0; n++) {
        wg_named_text *grown = grow(h->text, h->texts, &h->text_room, sizeof *grown);
        if (!grown) return false;
        h->text = grown;
        wg_named_text *t = &h->text[h->texts++];
        if (!wg__json_key(j, &t->name) || !wg__json_string(j, &t->text)) return false;
    }
    return more == 0;
}

static bool read_type(header *h, entry *e) {
    const char *name;
    if (!wg__json_string(&h->json, &name)) return false;
    e->wire = find_type(name);
    return e->wire || wg_fail(WG_ERROR_DTYPE, "%s: \"%.200s\" is %.20s, which has no dtype here",
                              file_of(h), e->name, name);
}

static bool read_shape(header *h, entry *e) {
    int more;
    if (!wg__json_take(&h->json, '[')) return false;
    for (e->shape.rank = 0; (more = wg__json_item(&h->json, ']', e->shape.rank)) > 0;) {
        if (e->shape.rank == WG_MAX_RANK)
            return wg_fail(WG_ERROR_FORMAT, "%s: \"%.200s\" has more than %d axes", file_of(h),
                           e->name, WG_MAX_RANK);
        if (!wg__json_number(&h->json, &e->shape.dim[e->shape.rank++])) return false;
    }
    return more == 0;
}

static bool read_offsets(header *h, entry *e) {
    wg__json *j = &h->json;
    return wg__json_take(j, '[') && wg__json_number(j, &e->begin) && wg__json_take(j, ',') &&
           wg__json_number(j, &e->end) && wg__json_take(j, ']');
}

static bool read_field(header *h, entry *e, unsigned *seen) {
    static const struct {
        const char *name;
        bool (*read)(header *, entry *);
    } fields[] = { { "dtype", read_type },
                   { "shape", read_shape },
                   { "data_offsets", read_offsets } };
    const char *key;
    size_t at = h->json.at;
    if (!wg__json_key(&h->json, &key)) return false;
    for (unsigned i = 0; i < sizeof fields / sizeof *fields; i++)
        if (strcmp(key, fields[i].name) == 0 && !(*seen >> i & 1)) {
            *seen |= 1u << i;
            return fields[i].read(h, e);
        }
    h->json.at = at;
    return wg__json_fail(&h->json, "\"dtype\", \"shape\" or \"data_offsets\", each once");
}

static bool read_entry(header *h, const char *name) {
    entry *grown = grow(h->entry, h->entries, &h->entry_room, sizeof *grown);
    if (!grown) return false;
    h->entry = grown;
    entry *e = &h->entry[h->entries++];
    *e = (entry){ .name = name };
    unsigned seen = 0;
    int more;
    if (!wg__json_take(&h->json, '{')) return false;
    for (int64_t n = 0; (more = wg__json_item(&h->json, '}', n)) > 0; n++)
        if (!read_field(h, e, &seen)) return false;
    if (more < 0 || seen == 7) return more == 0;
    return wg_fail(WG_ERROR_FORMAT, "%s: \"%.200s\" lacks dtype, shape or data_offsets", file_of(h),
                   name);
}

static bool read_all(header *h) {
    int more;
    bool metadata = false;
    if (h->json.text[0] != '{') return wg__json_fail(&h->json, "'{'");
    h->json.at++;
    for (int64_t n = 0; (more = wg__json_item(&h->json, '}', n)) > 0; n++) {
        const char *name;
        if (!wg__json_key(&h->json, &name)) return false;
        bool about = strcmp(name, WG__ST_METADATA) == 0;
        if (about && metadata)
            return wg_fail(WG_ERROR_FORMAT, "%s: \"%s\" is there twice", file_of(h), name);
        metadata |= about;
        if (!(about ? read_metadata(h) : read_entry(h, name))) return false;
    }
    while (more == 0 && h->json.at < h->json.size)
        if (h->json.text[h->json.at++] != ' ')
            return h->json.at--, wg__json_fail(&h->json, "nothing but spaces");
    return more == 0;
}

/* ---- whether it can be true ------------------------------------------------------------------ */

static int by_entry_name(const void *a, const void *b) {
    return strcmp(((const entry *)a)->name, ((const entry *)b)->name);
}
static int by_text_name(const void *a, const void *b) {
    return strcmp(((const wg_named_text *)a)->name, ((const wg_named_text *)b)->name);
}
// Tensors of no numbers stand before what begins where they do.
static int by_place(const void *a, const void *b) {
    const entry *x = a, *y = b;
    int begin = (x->begin > y->begin) - (x->begin < y->begin);
    return begin ? begin : (x->end > y->end) - (x->end < y->end);
}

static bool names_differ(const header *h) {
    const char *twice = NULL;
    if (h->entries) qsort(h->entry, h->entries, sizeof *h->entry, by_entry_name);
    if (h->texts) qsort(h->text, h->texts, sizeof *h->text, by_text_name);
    for (size_t i = 1; i < h->entries; i++)
        if (strcmp(h->entry[i].name, h->entry[i - 1].name) == 0) twice = h->entry[i].name;
    for (size_t i = 1; i < h->texts; i++)
        if (strcmp(h->text[i].name, h->text[i - 1].name) == 0) twice = h->text[i].name;
    return !twice || wg_fail(WG_ERROR_FORMAT, "%s: \"%.200s\" is there twice", file_of(h), twice);
}

static bool size_is_right(const header *h, const entry *e) {
    char text[200];
    size_t claimed;
    wg_shape_text(e->shape, text, sizeof text);
    if (!wg__wire_claim(e->wire, &e->shape, &claimed))
        return wg_fail(WG_ERROR_FORMAT, "%s: \"%.200s\": shape %s is more than memory can hold",
                       file_of(h), e->name, text);
    if (e->end < e->begin || (uint64_t)(e->end - e->begin) != claimed)
        return wg_fail(WG_ERROR_FORMAT,
                       "%s: \"%.200s\": shape %s takes %zu bytes, its offsets are %lld to %lld",
                       file_of(h), e->name, text, claimed, (long long)e->begin, (long long)e->end);
    return true;
}

static bool places_are_right(const header *h, size_t data) {
    int64_t end = 0;
    if (h->entries) qsort(h->entry, h->entries, sizeof *h->entry, by_place);
    for (size_t i = 0; i < h->entries; i++) {
        const entry *e = &h->entry[i];
        if (!size_is_right(h, e)) return false;
        if (e->begin != end)
            return wg_fail(WG_ERROR_FORMAT, "%s: \"%.200s\" begins at %lld, wanted is %lld",
                           file_of(h), e->name, (long long)e->begin, (long long)end);
        end = e->end;
    }
    return (uint64_t)end == data ||
           wg_fail(WG_ERROR_FORMAT, "%s: the tensors take %lld bytes, there are %zu", file_of(h),
                   (long long)end, data);
}

/* ---- what is made of it ---------------------------------------------------------------------- */

static bool check_bools(const header *h, const entry *e, const unsigned char *values) {
    for (int64_t i = 0; i < e->end - e->begin; i++)
        if (values[i] > 1)
            return wg_fail(WG_ERROR_FORMAT, "%s: \"%.200s\": value %lld is %d, a bool is 0 or 1",
                           file_of(h), e->name, (long long)i, values[i]);
    return true;
}

static wg_tensor *read_values(const header *h, const entry *e, const unsigned char *data) {
    const unsigned char *values = data + e->begin;
    if (e->wire->dtype == WG_BOOL && !check_bools(h, e, values)) return NULL;
    wg_tensor *x = wg__tensor_new(e->wire->dtype, e->shape);
    if (!x || e->end == e->begin) return x;
    memcpy(x->view.data, values, (size_t)(e->end - e->begin));
    wg__wire_decode(e->wire, false, x->view.data, wg_numel(x));
    return x;
}

/* The lists stand in a tensor as well: so they go with the scope. */
static bool make(const header *h, const unsigned char *data, wg_archive *out) {
    size_t tensors = h->entries * sizeof *out->tensor, texts = h->texts * sizeof *out->text;
    wg_tensor *lists = wg__tensor_new(WG_U8, WG_SHAPE((int64_t)(tensors + texts)));
    if (!lists) return false;
    wg_named_tensor *tensor = (wg_named_tensor *)lists->view.data;
    wg_named_text *text = (wg_named_text *)(void *)((char *)lists->view.data + tensors);
    if (texts) memcpy(text, h->text, texts);
    size_t made = 0;
    for (; made < h->entries; made++) {
        tensor[made] = (wg_named_tensor){ h->entry[made].name, NULL };
        tensor[made].value = read_values(h, &h->entry[made], data);
        if (!tensor[made].value) break;
    }
    if (made == h->entries) {
        *out = (wg_archive){ tensor, (int)h->entries, text, (int)h->texts };
        return true;
    }
    while (made > 0) wg__tensor_free(tensor[--made].value);
    wg__tensor_free(lists);
    return false;
}

static bool read_header(const char *name, const unsigned char *bytes, size_t size, size_t *length) {
    uint64_t n = 0;
    if (size < WG__ST_PREFIX)
        return wg_fail(WG_ERROR_FORMAT, "%s: not safetensors: %zu bytes", name, size);
    for (int i = 0; i < WG__ST_PREFIX; i++) n |= (uint64_t)bytes[i] << 8 * i;
    if (n > WG__ST_HEADER_MAX)
        return wg_fail(WG_ERROR_FORMAT,
                       "%s: not safetensors, or a header of %llu bytes, at most %d are read", name,
                       (unsigned long long)n, WG__ST_HEADER_MAX);
    if (n < 2)
        return wg_fail(WG_ERROR_FORMAT, "%s: header of %llu bytes, at least 2 are wanted", name,
                       (unsigned long long)n);
    if (n > size - WG__ST_PREFIX)
        return wg_fail(WG_ERROR_FORMAT, "%s: header of %llu bytes, but the file ends after %zu",
                       name, (unsigned long long)n, size - WG__ST_PREFIX);
    *length = (size_t)n;
    return true;
}

static bool parse(header *h, const unsigned char *bytes, size_t size, wg_archive *out) {
    size_t where, length = h->json.size;
    memcpy(h->json.text, bytes + WG__ST_PREFIX, length);
    if (!wg__utf8_valid(h->json.text, length, &where))
        return wg_fail(WG_ERROR_FORMAT, "%s: header byte %zu is not UTF-8", file_of(h), where);
    const size_t start = WG__ST_PREFIX + length;
    return read_all(h) && names_differ(h) && places_are_right(h, size - start) &&
           make(h, bytes + start, out);
}

bool wg_io_parse_safetensors(const char *name, const void *bytes, size_t size, wg_archive *out) {
    if (out) *out = (wg_archive){ 0 };
    if (!wg__io_ready("wg_io_parse_safetensors", name, bytes, size)) return false;
    if (!out) return wg_fail(WG_ERROR_ARGUMENT, "wg_io_parse_safetensors: %s: out is NULL", name);
    header h = { .json = { .name = name } };
    if (!read_header(name, bytes, size, &h.json.size)) return false;
    wg_tensor *text = wg__tensor_new(WG_U8, WG_SHAPE((int64_t)h.json.size));
    if (!text) return false;
    h.json.text = text->view.data;
    bool done = parse(&h, bytes, size, out);
    wg__free(h.entry);
    wg__free(h.text);
    if (!done) wg__tensor_free(text);
    return done;
}

bool wg_io_load_safetensors(const char *path, wg_archive *out) {
    wg__bytes file;
    if (out) *out = (wg_archive){ 0 };
    if (!wg__file_read("wg_io_load_safetensors", path, &file)) return false;
    bool done = wg_io_parse_safetensors(path, file.data, file.size, out);
    wg__file_free(&file);
    return done;
}

/* ---- looking --------------------------------------------------------------------------------- */

wg_tensor *wg_archive_find(const wg_archive *a, const char *name) {
    for (int i = 0; a && name && i < a->tensors; i++)
        if (strcmp(a->tensor[i].name, name) == 0) return a->tensor[i].value;
    return NULL;
}

const char *wg_archive_text(const wg_archive *a, const char *name) {
    for (int i = 0; a && name && i < a->texts; i++)
        if (strcmp(a->text[i].name, name) == 0) return a->text[i].text;
    return NULL;
}

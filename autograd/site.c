// SPDX-License-Identifier: MIT
/* site.c: where in the caller's program a record was made, without macros around every call: the
   call stack is kept as addresses, and put into words when somebody asks. The place is the innermost
   frame outside the library. With libdw (elfutils) it is a file and a line of whatever has debug
   information, without it a function and an offset, as the dynamic linker knows them. */
#define _GNU_SOURCE  // dladdr
#include <dlfcn.h>
#include <execinfo.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#ifdef WENGERT_BACKTRACE
#include <elfutils/libdwfl.h>
#endif

#include "autograd/autograd_impl.h"

enum { MOST_FRAMES = 48 };

const wg__site *wg__site_now(void) {
    const wg__context *ctx = wg__ctx();
    void *frame[MOST_FRAMES];
    int frames = backtrace(frame, MOST_FRAMES);
    size_t path = strlen(ctx->where) + 1, bytes = (size_t)frames * sizeof *frame;
    wg__site *place = wg__tape_take(sizeof *place + path);
    void **kept = place ? wg__tape_take(bytes) : NULL;
    if (!kept) return NULL;
    if (frames > 0) memcpy(kept, frame, bytes);
    place->within = ctx->within, place->frames = frames, place->frame = kept;
    memcpy(place->path, ctx->where, path);
    return place;
}

/* ---- with debug information ------------------------------------------------------------------ */

#ifdef WENGERT_BACKTRACE
// Whether a source file is the library's: it lies in a layer's folder, beside this file's.
static bool is_ours(const char *file) {
    static const char own[] = __FILE__;
    static const char *const layer[] = { "tensor/", "io/",    "autograd/", "program/",
                                         "nn/",     "optim/", "parallel/" };
    size_t root = sizeof own - sizeof "autograd/site.c";
    if (strncmp(file, own, root) != 0) return false;
    for (size_t i = 0; i < sizeof layer / sizeof *layer; i++)
        if (strncmp(file + root, layer[i], strlen(layer[i])) == 0) return true;
    return false;
}

// Only what the file itself holds: nothing is looked for elsewhere, least of all over a network.
static int no_separate_file(Dwfl_Module *module, void **user, const char *name, Dwarf_Addr base,
                            const char *file, const char *link, GElf_Word crc, char **found) {
    (void)module, (void)user, (void)name, (void)base, (void)file, (void)link, (void)crc;
    (void)found;
    return -1;
}

static bool line_of(Dwfl *dwfl, Dwarf_Addr address, char *text, size_t size) {
    Dwfl_Module *module = dwfl_addrmodule(dwfl, address);
    Dwfl_Line *line = module ? dwfl_module_getsrc(module, address) : NULL;
    int number = 0;
    const char *file = line ? dwfl_lineinfo(line, NULL, &number, NULL, NULL, NULL) : NULL;
    if (!file || is_ours(file)) return false;
    const char *name = strrchr(file, '/');
    snprintf(text, size, "%s:%d", name ? name + 1 : file, number);
    return true;
}

static bool source_line(const wg__site *place, char *text, size_t size) {
    static const Dwfl_Callbacks callbacks = { .find_elf = dwfl_linux_proc_find_elf,
                                              .find_debuginfo = no_separate_file };
    Dwfl *dwfl = dwfl_begin(&callbacks);
    bool found = false;
    if (dwfl && dwfl_linux_proc_report(dwfl, getpid()) == 0) {
        (void)dwfl_report_end(dwfl, NULL, NULL);
        for (int i = 0; i < place->frames && !found; i++)  // the call stands before its return
            found = line_of(dwfl, (Dwarf_Addr)(uintptr_t)place->frame[i] - 1, text, size);
    }
    dwfl_end(dwfl);
    return found;
}
#else
static bool source_line(const wg__site *place, char *text, size_t size) {
    (void)place, (void)text, (void)size;
    return false;
}
#endif

/* ---- without --------------------------------------------------------------------------------- */

/* Outside is another file than the library's; where the library is part of the program, a function
   that has a name for the dynamic linker and not one of ours. */
static bool function(const wg__site *place, char *text, size_t size) {
    static const char here;
    Dl_info own, at;
    if (!dladdr(&here, &own)) return false;
    for (int i = 0; i < place->frames; i++) {
        if (!dladdr(place->frame[i], &at)) continue;
        bool named = at.dli_sname && strncmp(at.dli_sname, "wg_", 3) != 0;
        if (at.dli_fbase == own.dli_fbase && !named) continue;
        const char *base = at.dli_sname ? at.dli_saddr : at.dli_fbase;
        const char *file = strrchr(at.dli_fname, '/');
        snprintf(text, size, "%s+0x%tx",
                 named  ? at.dli_sname
                 : file ? file + 1
                        : at.dli_fname,
                 (const char *)place->frame[i] - base);
        return true;
    }
    return false;
}

const char *wg__site_text(const wg__site *place, char *text, size_t size) {
    text[0] = 0;
    if (place && !source_line(place, text, size)) (void)function(place, text, size);
    return text;
}

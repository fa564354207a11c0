// SPDX-License-Identifier: MIT
/* site.c: where in the caller's program a record was made, without macros around every call: the
   call stack is kept as addresses, and put into words when somebody asks. The place is the
   innermost frame outside the library. With libdw (elfutils) it is a file and a line of whatever
   has debug information, without it a function and an offset, as the dynamic linker knows them.
   Where the C library has no backtrace() or no getauxval() (WENGERT_FRAMES), there is no place. */
#define _GNU_SOURCE  // dladdr
#include <stdint.h>
#include <string.h>

#ifdef WENGERT_FRAMES
#include <dlfcn.h>
#include <execinfo.h>
#include <sys/auxv.h>
#endif
#if defined WENGERT_FRAMES && defined WENGERT_BACKTRACE
#include <elfutils/libdw.h>
#include <elfutils/libdwfl.h>
#include <unistd.h>
#endif

#include "autograd/autograd_impl.h"

enum { MOST_FRAMES = 48 };

#ifndef WENGERT_FRAMES
static int backtrace(void *frame[], int most) {
    (void)frame, (void)most;
    return 0;
}
#endif

// How many frames stand above the caller: ours, and those that a sanitizer puts in between.
static int frames_above(void *const frame[], int frames, const void *caller) {
    for (int i = 0; i < frames; i++)
        if (frame[i] == caller) return i;
    return 0;
}

__attribute__((noinline)) const wg__site *wg__site_now(void) {
    const wg__context *ctx = wg__ctx();
    void *all[MOST_FRAMES], **frame = all;
    int frames = backtrace(all, MOST_FRAMES);
    int above = frames_above(all, frames, __builtin_return_address(0));
    frame += above, frames -= above;
    size_t path = strlen(ctx->where) + 1, bytes = (size_t)frames * sizeof *frame;
    wg__site *site = wg__tape_take(sizeof *site + path);
    void **kept = site ? wg__tape_take(bytes) : NULL;
    if (!kept) return NULL;
    if (frames > 0) memcpy(kept, frame, bytes);
    site->within = ctx->within, site->frames = frames, site->frame = kept;
    memcpy(site->path, ctx->where, path);
    return site;
}

/* ---- with debug information ------------------------------------------------------------------ */

#if defined WENGERT_FRAMES && defined WENGERT_BACKTRACE
static const char this_file[] = __FILE__;
enum { ROOT = sizeof this_file - sizeof "autograd/site.c" };  // bytes of the library's folder in it

// Whether a source file is the library's: it lies in a layer's folder, beside this file's.
static bool is_ours(const char *file) {
    static const char *const layer[] = { WENGERT_LAYERS };
    if (strncmp(file, this_file, ROOT) != 0) return false;
    for (size_t i = 0; i < sizeof layer / sizeof *layer; i++)
        if (strncmp(file + ROOT, layer[i], strlen(layer[i])) == 0) return true;
    return false;
}

// Only what the file itself holds: nothing is looked for elsewhere, least of all over a network.
static int no_separate_file(Dwfl_Module *module, void **user, const char *name, Dwarf_Addr base,
                            const char *file, const char *link, GElf_Word crc, char **found) {
    (void)module, (void)user, (void)name, (void)base, (void)file, (void)link, (void)crc;
    (void)found;
    return -1;
}

// The unit of this address; one by one, since clang writes no table from addresses to units.
static Dwarf_Die *unit_at(Dwfl_Module *module, Dwarf_Addr address, Dwarf_Addr *bias) {
    for (Dwarf_Die *unit = NULL; (unit = dwfl_module_nextcu(module, unit, bias)) != NULL;)
        if (dwarf_haspc(unit, address - *bias) > 0) return unit;
    return NULL;
}

static bool line_of(Dwfl *dwfl, Dwarf_Addr address, char *text, size_t size) {
    Dwarf_Addr bias = 0;
    Dwfl_Module *module = dwfl_addrmodule(dwfl, address);
    Dwarf_Die *unit = module ? unit_at(module, address, &bias) : NULL;
    const char *source = unit ? dwarf_diename(unit) : NULL;
    if (!source || is_ours(source)) return false;
    Dwarf_Line *line = dwarf_getsrc_die(unit, address - bias);
    const char *file = line ? dwarf_linesrc(line, NULL, NULL) : NULL;
    int number = 0;
    if (!file || dwarf_lineno(line, &number) != 0) return false;
    const char *name = strrchr(file, '/');
    snprintf(text, size, "%s:%d", name ? name + 1 : file, number);
    return true;
}

// Without a folder of its own the library's nn/ and the caller's would be one.
static bool source_line(const wg__site *site, char *text, size_t size) {
    if (ROOT == 0) return false;
    static const Dwfl_Callbacks callbacks = { .find_elf = dwfl_linux_proc_find_elf,
                                              .find_debuginfo = no_separate_file };
    Dwfl *dwfl = dwfl_begin(&callbacks);
    bool found = false;
    if (dwfl && dwfl_linux_proc_report(dwfl, getpid()) == 0) {
        (void)dwfl_report_end(dwfl, NULL, NULL);
        for (int i = 0; i < site->frames && !found; i++)  // the call stands before its return
            found = line_of(dwfl, (Dwarf_Addr)(uintptr_t)site->frame[i] - 1, text, size);
    }
    dwfl_end(dwfl);
    return found;
}
#else
static bool source_line(const wg__site *site, char *text, size_t size) {
    (void)site, (void)text, (void)size;
    return false;
}
#endif

/* ---- without --------------------------------------------------------------------------------- */

#ifdef WENGERT_FRAMES
/* Whether the library is part of the program. */
static bool is_static(const Dl_info *own) {
    Dl_info program;
    union {
        unsigned long number;
        const void *address;
    } headers = { getauxval(AT_PHDR) };
    return dladdr(headers.address, &program) && program.dli_fbase == own->dli_fbase;
}

/* Outside is another file than the library's; where there is none, a function of the program that
   has a name for the dynamic linker, and not one of ours. */
static bool function(const wg__site *site, char *text, size_t size) {
    static const char here;
    Dl_info own, at;
    if (!dladdr(&here, &own)) return false;
    bool inside = is_static(&own);
    for (int i = 0; i < site->frames; i++) {
        if (!dladdr(site->frame[i], &at) || (at.dli_fbase == own.dli_fbase) != inside) continue;
        bool named = at.dli_sname && strncmp(at.dli_sname, "wg_", 3) != 0;
        if (inside && !named) continue;
        const char *base = named ? at.dli_saddr : at.dli_fbase;
        const char *file = strrchr(at.dli_fname, '/');
        snprintf(text, size, "%s+0x%tx",
                 named  ? at.dli_sname
                 : file ? file + 1
                        : at.dli_fname,
                 (const char *)site->frame[i] - base);
        return true;
    }
    return false;
}

#else
static bool function(const wg__site *site, char *text, size_t size) {
    (void)site, (void)text, (void)size;
    return false;
}
#endif

const char *wg__site_text(const wg__site *site, char *text, size_t size) {
    text[0] = 0;
    if (site && !source_line(site, text, size)) (void)function(site, text, size);
    return text;
}

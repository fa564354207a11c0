// SPDX-License-Identifier: MIT
/* main.c: a fuzz target without a fuzzer, under any compiler.

       replay_NAME FILE or FOLDER ...                        runs them: what was found stays tested
       replay_NAME -runs=N [-seed=S] [-max_len=L] [FOLDER]   runs N inputs made at random

   Each input stands in a block of exactly its size, so that a sanitiser sees a read past its end.
   Fails if there is nothing to run or something cannot be read. Random inputs are mutations of
   those in the folders and of each other, without a look at what they cover; the one that ends the
   program is left behind in a file, crash-random. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz/must.h"

// What a target may define beside its one function.
__attribute__((weak)) int LLVMFuzzerInitialize(int *count, char ***argument);
__attribute__((weak)) size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most,
                                                     unsigned seed);

/* ---- inputs that worked, to be mutated ------------------------------------------------------- */

enum { KEPT = 256, LONGEST = 1 << 16 };
static struct {
    uint8_t *data;
    size_t size;
} kept[KEPT];
static size_t kept_count;

static void keep(const uint8_t *data, size_t size, size_t place) {
    uint8_t *copy = malloc(size + 1);
    if (!copy || place >= KEPT || size > LONGEST) {
        free(copy);
        return;
    }
    memcpy(copy, data, size);
    free(kept[place].data);
    kept[place].data = copy, kept[place].size = size;
    if (place >= kept_count) kept_count = place + 1;
}

/* ---- files ----------------------------------------------------------------------------------- */

static int run_file(const char *path, long size) {
    FILE *file = fopen(path, "rb");
    uint8_t *data = malloc(size > 0 ? (size_t)size : 1);
    int ok = file && data && fread(data, 1, (size_t)size, file) == (size_t)size;
    if (ok)
        LLVMFuzzerTestOneInput(data, (size_t)size);
    else
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
    if (ok) keep(data, (size_t)size, kept_count);
    if (file) fclose(file);
    free(data);
    return ok ? 1 : -1;
}

static int run_path(const char *path);

static int run_folder(const char *path) {
    struct dirent **entry;
    int ran = 0, n = scandir(path, &entry, NULL, alphasort);
    if (n < 0) fprintf(stderr, "%s: %s\n", path, strerror(errno));
    if (n < 0) return -1;
    for (int i = 0; i < n; i++) {
        char inner[4096];
        int fits =
            snprintf(inner, sizeof inner, "%s/%s", path, entry[i]->d_name) < (int)sizeof inner;
        if (ran >= 0 && entry[i]->d_name[0] != '.') {
            int count = fits ? run_path(inner) : -1;
            ran = count < 0 ? -1 : ran + count;
        }
        free(entry[i]);
    }
    free(entry);
    return ran;
}

/* How many inputs ran; -1 after a message. */
static int run_path(const char *path) {
    struct stat info;
    if (stat(path, &info) != 0) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        return -1;
    }
    return S_ISDIR(info.st_mode) ? run_folder(path) : run_file(path, (long)info.st_size);
}

/* ---- random inputs --------------------------------------------------------------------------- */

static uint64_t state;
static uint64_t draw(void) {  // SplitMix64 (Steele, Lea and Flood 2014)
    uint64_t z = state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static const uint8_t *now;
static size_t now_size;

static void leave_input(int signal_number) {
    int file = open("crash-random", O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (file >= 0 && write(file, now, now_size) == (ssize_t)now_size)
        (void)!write(STDERR_FILENO, "its input: crash-random\n", 24);
    signal(signal_number, SIG_DFL);
    raise(signal_number);
}

// One that is kept and changed in some places, or all anew.
static size_t make_input(uint8_t *data, size_t most) {
    size_t size = draw() % (most + 1);
    for (size_t i = 0; i < size; i++) data[i] = (uint8_t)draw();
    if (kept_count == 0 || draw() % 8 == 0) return size;
    size_t from = draw() % kept_count;
    size = kept[from].size < most ? kept[from].size : most;
    memcpy(data, kept[from].data, size);
    for (uint64_t times = 1 + draw() % 4; times > 0; times--) {
        if (LLVMFuzzerCustomMutator)
            size = LLVMFuzzerCustomMutator(data, size, most, (unsigned)draw());
        else if (size > 0)
            data[draw() % size] = (uint8_t)draw();
    }
    return size;
}

static void run_random(long long runs, size_t most) {
    uint8_t *room = malloc(most + 1);
    signal(SIGABRT, leave_input);
    signal(SIGSEGV, leave_input);
    for (long long k = 0; room && k < runs; k++) {
        size_t size = make_input(room, most);
        uint8_t *data = malloc(size + 1);
        if (!data) break;
        memcpy(data, room, size);
        now = data, now_size = size;
        LLVMFuzzerTestOneInput(data, size);
        if (draw() % 16 == 0)
            keep(data, size, draw() % (kept_count < KEPT ? kept_count + 1 : KEPT));
        free(data);
    }
    free(room);
}

/* ---- the whole ------------------------------------------------------------------------------- */

static long long option(int count, char **argument, const char *name, long long otherwise) {
    size_t length = strlen(name);
    for (int i = 1; i < count; i++)
        if (strncmp(argument[i], name, length) == 0) return strtoll(argument[i] + length, NULL, 10);
    return otherwise;
}

int main(int count, char **argument) {
    int ran = 0;
    if (LLVMFuzzerInitialize) LLVMFuzzerInitialize(&count, &argument);
    long long runs = option(count, argument, "-runs=", 0);
    long long most = option(count, argument, "-max_len=", 256);
    state = (uint64_t)option(count, argument, "-seed=", 1964);
    for (int i = 1; i < count; i++) {
        int inputs = argument[i][0] == '-' ? 0 : run_path(argument[i]);
        if (inputs < 0) return EXIT_FAILURE;
        ran += inputs;
    }
    run_random(runs, most > 0 && most <= LONGEST ? (size_t)most : 256);
    for (size_t i = 0; i < KEPT; i++) free(kept[i].data);
    printf("%lld inputs\n", ran + runs);
    return ran + runs > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

// SPDX-License-Identifier: MIT
/* main.c: runs a fuzz target on files, and on all files in folders, without a fuzzer and under
   any compiler: what was once found stays tested. Each input stands in a block of exactly its size,
   so that a sanitiser sees a read past its end. Fails if there is nothing to run or something
   cannot be read. */
#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "fuzz/fuzz.h"

static int run_file(const char *path, long size) {
    FILE *file = fopen(path, "rb");
    uint8_t *data = malloc(size > 0 ? (size_t)size : 1);
    int ok = file && data && fread(data, 1, (size_t)size, file) == (size_t)size;
    if (ok)
        LLVMFuzzerTestOneInput(data, (size_t)size);
    else
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
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

int main(int argc, char **argv) {
    int ran = 0;
    for (int i = 1; i < argc; i++) {
        int count = run_path(argv[i]);
        if (count < 0) return EXIT_FAILURE;
        ran += count;
    }
    printf("%d inputs\n", ran);
    return ran > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

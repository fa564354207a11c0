// SPDX-License-Identifier: MIT
/* io_test.h: what the tests of io share. Files of tests/data, and a folder for the files that a
   test writes. */
#ifndef WG_TESTS_IO_TEST_H
#define WG_TESTS_IO_TEST_H

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/io.h"
#include "tests/testing.h"

/* ---- files ----------------------------------------------------------------------------------- */

/* A file of the repository, found from where this header lies; "tests/data/x" ->
   ".../tests/data/x". */
static inline const char *repository_path(const char *file) {
    static char path[4096];
    const char here[] = __FILE__;
    size_t root = sizeof here - sizeof "tests/io_test.h";
    snprintf(path, sizeof path, "%.*s%s", (int)root, here, file);
    return path;
}

static char test_folder[64];  // made when first asked for

static inline const char *temporary_folder(void) {
    if (test_folder[0] == 0) {
        // in memory where there is such a place: every save waits for the disc
        strcpy(test_folder, access("/dev/shm", W_OK) == 0 ? "/dev/shm/wengert-io-XXXXXX"
                                                          : "/tmp/wengert-io-XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(test_folder));
    }
    return test_folder;
}
static inline const char *temporary_path(const char *file) {
    static char path[512];
    snprintf(path, sizeof path, "%s/%s", temporary_folder(), file);
    return path;
}

/* Counts the files of the temporary folder, and removes them if asked to. */
static inline int files_in_temporary_folder(bool remove_them) {
    int n = 0;
    DIR *folder = opendir(temporary_folder());
    ck_assert_ptr_nonnull(folder);
    for (struct dirent *entry; (entry = readdir(folder));) {
        if (entry->d_name[0] == '.') continue;
        if (remove_them) ck_assert_int_eq(unlink(temporary_path(entry->d_name)), 0);
        n++;
    }
    closedir(folder);
    return n;
}

typedef struct file_bytes {
    unsigned char *data;
    size_t size;
} file_bytes;

static inline file_bytes slurp(const char *path) {
    file_bytes f = { malloc(1 << 20), 0 };
    FILE *file = fopen(path, "rb");
    ck_assert_msg(file != NULL, "%s is missing", path);
    f.size = fread(f.data, 1, 1 << 20, file);
    ck_assert_msg(f.size < 1 << 20, "%s is larger than the tests' files are", path);
    fclose(file);
    return f;
}
static inline file_bytes slurp_data(const char *file) {
    char path[128];
    snprintf(path, sizeof path, "tests/data/%s", file);
    return slurp(repository_path(path));
}
static inline void spill(const char *path, const void *data, size_t size) {
    FILE *file = fopen(path, "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(data, 1, size, file), size);
    ck_assert_int_eq(fclose(file), 0);
}

/* A copy in a block of its own, so that a sanitiser sees a read past its end. */
static inline unsigned char *exact_copy(const void *data, size_t size) {
    unsigned char *copy = malloc(size ? size : 1);
    if (size) memcpy(copy, data, size);
    return copy;
}

/* What was read without an error: a dense tensor of this dtype and shape. */
static inline void expect_dense(const wg_tensor *x, wg_dtype dtype, wg_shape shape) {
    expect_no_error();
    ck_assert_int_eq(wg_dtype_of(x), dtype);
    expect_shape(x, shape);
    ck_assert(wg_is_contiguous(x));
}

static inline void remove_temporary_folder(void) {
    if (test_folder[0] == 0) return;
    files_in_temporary_folder(true);
    ck_assert_int_eq(rmdir(test_folder), 0);
    test_folder[0] = 0;
}

/* Cases that may write into the temporary folder: it goes after each test. */
static inline TCase *add_file_cases(Suite *suite, const char *name) {
    TCase *cases = add_cases(suite, name);
    tcase_add_checked_fixture(cases, NULL, remove_temporary_folder);
    return cases;
}

#endif

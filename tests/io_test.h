// SPDX-License-Identifier: MIT
/* io_test.h: what the tests of io share. Files of tests/data, a folder for files that a test writes, errors
   compared by their words, and an allocator that counts, and fails when it is told to. */
#ifndef WG_TESTS_IO_TEST_H
#define WG_TESTS_IO_TEST_H

#include <check.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/io.h"

/* ---- files -------------------------------------------------------------------------------------- */

/* A file of the repository, found from where this header lies; "tests/data/x" -> ".../tests/data/x". */
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

/* ---- errors --------------------------------------------------------------------------------------- */

/* The pending error has this status and these words in its message; it is cleared. */
static inline void expect_error(wg_status status, const char *words) {
    ck_assert_msg(wg_error() == status, "status %d, wanted %d with '%s': '%s'", wg_error(), status,
                  words, wg_error_message());
    ck_assert_msg(strstr(wg_error_message(), words) != NULL, "'%s' lacks '%s'", wg_error_message(),
                  words);
    wg_error_clear();
}

static inline void expect_no_error(void) {
    ck_assert_msg(wg_error() == WG_OK, "%s", wg_error_message());
}

/* ---- memory --------------------------------------------------------------------------------------- */

typedef struct counter {
    int64_t left;        // allocations granted before all fail; negative: no end
    int64_t live;        // blocks not released
    size_t bytes, peak;  // in live blocks
} counter;

static counter counted;

static inline void *counted_allocate(void *user, size_t alignment, size_t size) {
    counter *c = user;
    void *block = NULL;
    if (c->left == 0 || posix_memalign(&block, alignment, size) != 0) return NULL;
    c->left -= c->left > 0;
    c->live++;
    c->bytes += size;
    if (c->bytes > c->peak) c->peak = c->bytes;
    return block;
}
static inline void counted_release(void *user, void *block, size_t size) {
    counter *c = user;
    c->live--;
    c->bytes -= size;
    free(block);
}

/* Starts counting, and after `granted` allocations failing. */
static inline void count_allocations(int64_t granted) {
    wg_reset();
    counted = (counter){ .left = granted };
    wg_set_allocator(&(wg_allocator){ counted_allocate, counted_release, &counted });
}
/* Frees all tensors; everything that was allocated must be back. */
static inline void expect_all_released(void) {
    wg_reset();
    ck_assert_msg(counted.live == 0, "%lld blocks of %zu bytes leaked", (long long)counted.live,
                  counted.bytes);
}

/* ---- fixture --------------------------------------------------------------------------------------- */

static inline void io_setup(void) {
    wg_on_error(NULL, NULL);
    count_allocations(-1);
}
static inline void io_teardown(void) {
    ck_assert_msg(wg_error() == WG_OK, "left behind: %s", wg_error_message());
    expect_all_released();
    wg_set_allocator(NULL);
    if (test_folder[0] == 0) return;
    files_in_temporary_folder(true);
    ck_assert_int_eq(rmdir(test_folder), 0);
    test_folder[0] = 0;
}

/* A test that runs once for each row of a table. */
#define ADD_TABLE(cases, test, table)                                                              \
    tcase_add_loop_test(cases, test, 0, sizeof(table) / sizeof(table)[0])

static inline int run_tests(TCase *cases, const char *name) {
    Suite *suite = suite_create(name);
    suite_add_tcase(suite, cases);
    tcase_add_checked_fixture(cases, io_setup, io_teardown);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif

// SPDX-License-Identifier: MIT
/* test_io.c: what holds for every format alike. A file cut anywhere, with any bit turned over, or
   read with any allocation failing, gives an error or a tensor, leaks nothing and changes nothing.
   And the file system: what it refuses is told in its own words, and a save that fails leaves what
   was there. */
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "tests/io_test.h"

static wg_tensor *parse_csv(const char *name, const void *bytes, size_t size) {
    return wg_io_parse_csv(name, bytes, size, (wg_csv_options){ .dtype = WG_F64 });
}
static wg_tensor *load_csv(const char *path) {
    return wg_io_load_csv(path, (wg_csv_options){ .dtype = WG_F64 });
}

static const struct {
    const char *sample;
    wg_tensor *(*parse)(const char *name, const void *bytes, size_t size);
    wg_tensor *(*load)(const char *path);
    bool closed;  // the format tells where a file ends
} formats[] = {
    { "table.csv", parse_csv, load_csv, false },
    { "idx_i2.idx", wg_io_parse_idx, wg_io_load_idx, true },
    { "idx_u1.gz", wg_io_parse_idx, wg_io_load_idx, true },
    { "npy_f4.npy", wg_io_parse_npy, wg_io_load_npy, true },
    { "npy_b1.npy", wg_io_parse_npy, wg_io_load_npy, true },
    { "npy_big_fortran_i2.npy", wg_io_parse_npy, wg_io_load_npy, true },
    { "npy_version2.npy", wg_io_parse_npy, wg_io_load_npy, true },
};

/* From a block of exactly this size, so that a sanitiser sees a read past it. */
static wg_tensor *parse(int format, const void *bytes, size_t size) {
    unsigned char *copy = exact_copy(bytes, size);
    wg_tensor *x = formats[format].parse("t", copy, size);
    free(copy);
    return x;
}

/* ---- damaged files --------------------------------------------------------------------------- */

START_TEST(a_file_cut_at_any_byte_is_refused) {
    file_bytes f = slurp_data(formats[_i].sample);
    for (size_t n = 0; n < f.size && formats[_i].closed; n++) {
        ck_assert_msg(parse(_i, f.data, n) == NULL, "%s read from its first %zu bytes",
                      formats[_i].sample, n);
        expect_error(WG_ERROR_FORMAT, "t: ");
    }
    free(f.data);
}
END_TEST

/* A text has no end mark: what is left of a table must be its beginning, or be refused. */
START_TEST(a_csv_cut_at_any_byte_is_refused_or_the_beginning_of_the_table) {
    file_bytes f = slurp_data("table.csv");
    int64_t rows = 0, read = 0;
    for (size_t n = 0; n <= f.size; n++) {
        wg_tensor *x = parse(0, f.data, n);
        if (x) {
            ck_assert(wg_dim(x, 1) == 4 || (wg_dim(x, 0) == 1 && wg_dim(x, 1) < 4));
            ck_assert_int_le(rows, wg_dim(x, 0));
            rows = wg_dim(x, 0), read++;
        } else {
            expect_error(WG_ERROR_FORMAT, "t:");
        }
    }
    ck_assert_int_eq(rows, 3);
    ck_assert_int_ge(read, 3);
    free(f.data);
}
END_TEST

START_TEST(a_byte_behind_the_end_is_refused) {
    file_bytes f = slurp_data(formats[_i].sample);
    f.data[f.size] = 0;
    ck_assert_ptr_null(parse(_i, f.data, f.size + 1));
    expect_error(WG_ERROR_FORMAT, "t:");
    free(f.data);
}
END_TEST

START_TEST(a_bit_turned_over_gives_an_error_or_a_tensor) {
    file_bytes f = slurp_data(formats[_i].sample);
    for (size_t bit = 0; bit < 8 * f.size; bit++) {
        f.data[bit / 8] ^= (unsigned char)(1 << bit % 8);
        wg_tensor *x = parse(_i, f.data, f.size);
        ck_assert_int_eq(x == NULL, wg_error() != WG_OK);
        if (x) ck_assert(wg_is_contiguous(x) && wg_numel(x) <= (int64_t)f.size);
        wg_error_clear();
        f.data[bit / 8] ^= (unsigned char)(1 << bit % 8);
    }
    free(f.data);
    expect_all_released();
}
END_TEST

/* ---- memory ---------------------------------------------------------------------------------- */

START_TEST(any_allocation_of_a_load_may_fail) {
    char path[128], sample[4096];
    snprintf(path, sizeof path, "tests/data/%s", formats[_i].sample);
    snprintf(sample, sizeof sample, "%s", repository_path(path));
    wg_tensor *x = NULL;
    int n = 0;
    for (; !x; n++) {
        count_allocations(n);
        x = formats[_i].load(sample);
        ck_assert_int_eq(wg_error(), x ? WG_OK : WG_ERROR_MEMORY);
        wg_error_clear();
        wg_memory_trim();
        ck_assert_msg(x || counted.live == 0, "allocation %d failed: %lld leaked", n,
                      (long long)counted.live);
        ck_assert_int_lt(n, 100);
    }
    ck_assert_int_ge(n, 3);  // the file, the elements: there was something to fail
}
END_TEST

START_TEST(any_allocation_of_a_save_may_fail_and_the_file_stays) {
    const char *path = temporary_path("x.npy");
    wg_tensor *x = wg_arange(WG_F64, 0, 6, 1);
    bool ok = false;
    int n = 0;
    spill(path, "before", 6);
    for (; !ok; n++) {
        wg_memory_trim();
        int64_t live = counted.live;
        counted.left = n;
        ok = wg_io_save_npy(path, x);
        counted.left = -1;
        ck_assert_int_eq(wg_error(), ok ? WG_OK : WG_ERROR_MEMORY);
        wg_error_clear();
        wg_memory_trim();
        ck_assert_int_eq(counted.live, live);
        file_bytes f = slurp(path);
        ck_assert_uint_eq(f.size, ok ? 128 + 48 : 6);
        free(f.data);
        ck_assert_int_lt(n, 100);
    }
    ck_assert_int_ge(n, 2);
}
END_TEST

/* ---- arguments and pending errors ------------------------------------------------------------ */

START_TEST(NULL_is_refused_by_name) {
    ck_assert_ptr_null(formats[_i].load(NULL));
    expect_error(WG_ERROR_ARGUMENT, "path is NULL");
    ck_assert_ptr_null(formats[_i].parse(NULL, "1", 1));
    expect_error(WG_ERROR_ARGUMENT, "name is NULL");
    ck_assert_ptr_null(formats[_i].parse("t", NULL, 5));
    expect_error(WG_ERROR_ARGUMENT, "t: bytes is NULL, size 5");
    ck_assert_ptr_null(formats[_i].parse("t", NULL, 0));
    expect_error(WG_ERROR_FORMAT, "t: ");
}
END_TEST

START_TEST(nothing_is_read_while_an_error_is_pending) {
    file_bytes f = slurp_data(formats[_i].sample);
    wg_fail(WG_ERROR_STATE, "the first");
    ck_assert_ptr_null(formats[_i].parse("t", f.data, f.size));
    ck_assert_ptr_null(formats[_i].load("no such file"));
    expect_error(WG_ERROR_STATE, "the first");
    ck_assert_ptr_nonnull(formats[_i].parse("t", f.data, f.size));
    free(f.data);
}
END_TEST

START_TEST(save_refuses_NULL_and_waits_for_errors_to_clear) {
    wg_tensor *x = wg_ones(WG_F32, WG_SHAPE(2));
    const char *path = temporary_path("x.npy");
    ck_assert(!wg_io_save_npy(NULL, x));
    expect_error(WG_ERROR_ARGUMENT, "wg_io_save_npy: path is NULL");
    ck_assert(!wg_io_save_npy(path, NULL));
    expect_error(WG_ERROR_ARGUMENT, "wg_io_save_npy: x is NULL");
    wg_fail(WG_ERROR_STATE, "the first");
    ck_assert(!wg_io_save_npy(path, x));
    expect_error(WG_ERROR_STATE, "the first");
    ck_assert_int_ne(access(path, F_OK), 0);
}
END_TEST

START_TEST(what_is_read_belongs_to_the_innermost_scope) {
    file_bytes f = slurp_data(formats[_i].sample);
    int64_t before = wg_memory_now().tensors;
    wg_scope *scope = wg_scope_open();
    ck_assert_ptr_nonnull(formats[_i].parse("t", f.data, f.size));
    ck_assert_int_eq(wg_memory_now().tensors, before + 1);
    wg_scope_close(scope);
    ck_assert_int_eq(wg_memory_now().tensors, before);
    free(f.data);
}
END_TEST

/* ---- the file system ------------------------------------------------------------------------- */

START_TEST(load_tells_the_systems_reason) {
    ck_assert_ptr_null(formats[_i].load("no/such/file"));
    expect_error(WG_ERROR_FILE, "no/such/file: cannot open: No such file or directory");
    ck_assert_ptr_null(formats[_i].load(temporary_folder()));
    expect_error(WG_ERROR_FILE, "cannot read: Is a directory");
}
END_TEST

/* Larger than the first block, so that the reader must grow it several times. */
START_TEST(load_reads_a_pipe_to_its_end) {
    enum { ROWS = 200000 };
    const char *path = temporary_path("pipe");
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    pid_t writer = fork();
    if (writer == 0) {
        FILE *f = fopen(path, "w");
        for (int i = 0; i < ROWS; i++) fprintf(f, "%d\n", i);
        _exit(fclose(f) != 0);
    }
    wg_tensor *x = load_csv(path);
    int status = -1;
    ck_assert_int_eq(waitpid(writer, &status, 0), writer);
    ck_assert_int_eq(status, 0);
    expect_no_error();
    ck_assert_int_eq(wg_numel(x), ROWS);
    const double *v = wg_values(x, WG_F64);
    int wrong = 0;
    for (int i = 0; i < ROWS; i++) wrong += !(v[i] == i);
    ck_assert_int_eq(wrong, 0);
}
END_TEST

START_TEST(save_leaves_one_file_with_the_usual_mode) {
    struct stat info;
    const char *path = temporary_path("x.npy");
    mode_t before = umask(027);
    ck_assert(wg_io_save_npy(path, wg_ones(WG_F32, WG_SHAPE(3))));
    ck_assert(wg_io_save_npy(path, wg_ones(WG_F64, WG_SHAPE(5))));
    ck_assert_int_eq(wg_dim(wg_io_load_npy(path), 0), 5);
    ck_assert_int_eq(files_in_temporary_folder(false), 1);
    ck_assert_int_eq(stat(path, &info), 0);
    umask(before);
    ck_assert_int_eq(info.st_mode & 0777, 0640);
}
END_TEST

START_TEST(save_passes_over_a_temporary_file_left_by_a_crash) {
    char left[64];
    snprintf(left, sizeof left, "x.npy.%ld-0.tmp", (long)getpid());
    spill(temporary_path(left), "cut off", 7);
    const char *path = temporary_path("x.npy");
    ck_assert(wg_io_save_npy(path, wg_ones(WG_F32, WG_SHAPE(3))));
    ck_assert_int_eq(wg_numel(wg_io_load_npy(path)), 3);
    ck_assert_int_eq(files_in_temporary_folder(false), 2);
}
END_TEST

START_TEST(save_that_the_system_refuses_leaves_the_old_file) {
    const char *path = temporary_path("x.npy");
    wg_tensor *x = wg_ones(WG_F32, WG_SHAPE(5000));
    spill(path, "before", 6);
    signal(SIGXFSZ, SIG_IGN);
    struct rlimit before, small;
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 4096;
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
    bool ok = wg_io_save_npy(path, x);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &before), 0);
    ck_assert(!ok);
    expect_error(WG_ERROR_FILE, "x.npy: cannot write: File too large");
    file_bytes f = slurp(path);
    ck_assert_uint_eq(f.size, 6);
    ck_assert_mem_eq(f.data, "before", 6);
    free(f.data);
    ck_assert_int_eq(files_in_temporary_folder(false), 1);
}
END_TEST

START_TEST(save_refuses_what_is_no_file) {
    wg_tensor *x = wg_ones(WG_F32, WG_SHAPE(3));
    struct stat info;
    ck_assert(!wg_io_save_npy("no/such/folder/x.npy", x));
    expect_error(WG_ERROR_FILE, "no/such/folder/x.npy: cannot create");
    ck_assert(!wg_io_save_npy(temporary_folder(), x));
    expect_error(WG_ERROR_FILE, "not a regular file");
    const char *path = temporary_path("pipe");
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    ck_assert(!wg_io_save_npy(path, x));
    expect_error(WG_ERROR_FILE, "pipe: not a regular file");
    ck_assert(stat(path, &info) == 0 && S_ISFIFO(info.st_mode));
}
END_TEST

int main(void) {
    Suite *suite = suite_create("io");
    TCase *t = add_file_cases(suite, "all formats");
    ADD_TABLE(t, a_file_cut_at_any_byte_is_refused, formats);
    tcase_add_test(t, a_csv_cut_at_any_byte_is_refused_or_the_beginning_of_the_table);
    ADD_TABLE(t, a_byte_behind_the_end_is_refused, formats);
    ADD_TABLE(t, a_bit_turned_over_gives_an_error_or_a_tensor, formats);
    ADD_TABLE(t, any_allocation_of_a_load_may_fail, formats);
    tcase_add_test(t, any_allocation_of_a_save_may_fail_and_the_file_stays);
    ADD_TABLE(t, NULL_is_refused_by_name, formats);
    ADD_TABLE(t, nothing_is_read_while_an_error_is_pending, formats);
    tcase_add_test(t, save_refuses_NULL_and_waits_for_errors_to_clear);
    ADD_TABLE(t, what_is_read_belongs_to_the_innermost_scope, formats);
    ADD_TABLE(t, load_tells_the_systems_reason, formats);
    tcase_add_test(t, load_reads_a_pipe_to_its_end);
    tcase_add_test(t, save_leaves_one_file_with_the_usual_mode);
    tcase_add_test(t, save_passes_over_a_temporary_file_left_by_a_crash);
    tcase_add_test(t, save_that_the_system_refuses_leaves_the_old_file);
    tcase_add_test(t, save_refuses_what_is_no_file);
    return run_suite(suite);
}

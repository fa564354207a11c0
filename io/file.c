// SPDX-License-Identifier: MIT
/* file.c: a whole file in or out. Reading trusts the size that the system gives for nothing but the
   first allocation; writing goes through a temporary file, so that a crash leaves the old file or
   the new one. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/io_impl.h"

enum {
    STREAM_START = 1 << 16,
    STREAM_LIMIT = 1 << 30,
    TEMP_NAMES = 100,  // tried before giving up: each is a file that a crash left behind
    TEMP_SUFFIX = 48   // bytes of ".PID-N.tmp"
};

bool wg__file_fail(const char *path, const char *what, int code) {
    char reason[128];
    if (strerror_r(code, reason, sizeof reason) != 0) snprintf(reason, sizeof reason, "%d", code);
    return wg_fail(WG_ERROR_FILE, "%s: cannot %s: %s", path, what, reason);
}

bool wg__io_ready(const char *call, const char *name, const void *bytes, size_t size) {
    if (wg__pending()) return false;
    if (!name) return wg_fail(WG_ERROR_ARGUMENT, "%s: name is NULL", call);
    if (!bytes && size)
        return wg_fail(WG_ERROR_ARGUMENT, "%s: %s: bytes is NULL, size %zu", call, name, size);
    return true;
}

/* ---- reading --------------------------------------------------------------------------------- */

typedef struct stream {
    const char *path;
    int file;
    char *data;
    size_t size, capacity, limit;
} stream;

static bool grow(stream *s) {
    if (s->capacity >= s->limit)
        return wg_fail(WG_ERROR_FILE, "%s: more than %zu bytes", s->path, s->limit);
    size_t capacity = s->capacity > s->limit / 2 ? s->limit : 2 * s->capacity;
    char *data = wg__alloc(capacity);
    if (!data) return false;
    memcpy(data, s->data, s->size);
    wg__free(s->data);
    s->data = data;
    s->capacity = capacity;
    return true;
}

static bool read_to_end(stream *s) {
    for (;;) {
        if (s->size == s->capacity && !grow(s)) return false;
        ssize_t n = read(s->file, s->data + s->size, s->capacity - s->size);
        if (n == 0) return true;
        if (n > 0) s->size += (size_t)n;
        if (n < 0 && errno != EINTR) return wg__file_fail(s->path, "read", errno);
    }
}

static bool read_open(const char *path, int file, wg__bytes *out) {
    struct stat info;
    if (fstat(file, &info) != 0) return wg__file_fail(path, "read", errno);
    bool regular = S_ISREG(info.st_mode) && info.st_size > 0;
    size_t size = regular ? (size_t)info.st_size : 0;
    stream s = { .path = path, .file = file };
    // one byte more than there should be: the read that finds the end then needs no larger block
    s.capacity = regular ? size + 1 : STREAM_START;
    s.limit = s.capacity > STREAM_LIMIT ? s.capacity : STREAM_LIMIT;
    s.data = wg__alloc(s.capacity);
    if (!s.data) return false;
    bool ok = read_to_end(&s);
    if (!ok) wg__free(s.data);
    *out = (wg__bytes){ ok ? s.data : NULL, ok ? s.size : 0 };
    return ok;
}

bool wg__file_read(const char *call, const char *path, wg__bytes *out) {
    *out = (wg__bytes){ 0 };
    if (wg__pending()) return false;
    if (!path) return wg_fail(WG_ERROR_ARGUMENT, "%s: path is NULL", call);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return wg__file_fail(path, "open", errno);
    bool ok = read_open(path, file, out);
    close(file);
    return ok;
}

void wg__file_free(wg__bytes *file) {
    wg__free((void *)(uintptr_t)file->data);
    *file = (wg__bytes){ 0 };
}

/* ---- writing --------------------------------------------------------------------------------- */

static bool write_part(const char *path, int file, wg__bytes part) {
    const char *at = part.data;
    for (size_t left = part.size; left > 0;) {
        ssize_t n = write(file, at, left);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return wg__file_fail(path, "write", errno);
        at += n;
        left -= (size_t)n;
    }
    return true;
}

/* O_EXCL makes the name ours even among threads, and the mode is the one that the umask leaves. */
static int create_beside(const char *path, char *temp, size_t size) {
    int file = -1;
    errno = EEXIST;
    for (int i = 0; i < TEMP_NAMES && file < 0 && errno == EEXIST; i++) {
        snprintf(temp, size, "%s.%ld-%d.tmp", path, (long)getpid(), i);
        file = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    }
    if (file < 0) wg__file_fail(path, "create a temporary file beside it", errno);
    return file;
}

static bool write_and_close(const char *path, int file, const wg__bytes part[], int parts) {
    bool ok = true;
    for (int i = 0; i < parts && ok; i++) ok = write_part(path, file, part[i]);
    if (ok && fsync(file) != 0) ok = wg__file_fail(path, "sync", errno);
    if (close(file) != 0 && ok) ok = wg__file_fail(path, "close", errno);
    return ok;
}

static bool write_through(const char *path, char *temp, size_t size, const wg__bytes part[],
                          int parts) {
    int file = create_beside(path, temp, size);
    if (file < 0) return false;
    bool ok = write_and_close(path, file, part, parts);
    if (ok && rename(temp, path) != 0)
        ok = wg__file_fail(path, "rename a temporary file to it", errno);
    if (!ok) unlink(temp);
    return ok;
}

bool wg__file_write(const char *path, const wg__bytes part[], int parts) {
    struct stat info;
    // a rename would put a file in the place of a device or a pipe
    if (stat(path, &info) == 0 && !S_ISREG(info.st_mode))
        return wg_fail(WG_ERROR_FILE, "%s: not a regular file", path);
    size_t size = strlen(path) + TEMP_SUFFIX;
    char *temp = wg__alloc(size);
    if (!temp) return false;
    bool ok = write_through(path, temp, size, part, parts);
    wg__free(temp);
    return ok;
}

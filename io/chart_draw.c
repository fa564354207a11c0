// SPDX-License-Identifier: MIT
/* chart_draw.c: runs gnuplot. No shell is in between, and nothing of the user's settings is read.
   What it draws and what it complains about go to two files without a name, so that it never waits
   for a reader; a picture gets its name when it is whole. */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/chart_impl.h"

extern char **environ;

enum { COMPLAINT = 400, NOT_FOUND = 127 };

static bool fail_draw(const wg__picture *p, const char *what, int code) {
    char reason[128];
    if (strerror_r(code, reason, sizeof reason) != 0) snprintf(reason, sizeof reason, "%d", code);
    return wg_fail(WG_ERROR_FILE, "%s: gnuplot: cannot %s: %s", p->path, what, reason);
}

/* The status as waitpid gives it; -1 where somebody else took it, as a program that ignores SIGCHLD
   or waits for all of its children does. The picture itself then tells. */
static int wait_for(pid_t child) {
    int status;
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR) return -1;
    return status;
}

/* Runs gnuplot with the commands `first`, then the script; its error number, 0 if it ran. */
static int spawn(const char *first, const char *script, const int file[2], int *status) {
    char *const arguments[] = { (char[]){ "gnuplot" },     (char[]){ "-d" },
                                (char[]){ "-e" },          (char *)(uintptr_t)first,
                                (char *)(uintptr_t)script, NULL };
    posix_spawn_file_actions_t files;
    pid_t child = 0;
    int code = posix_spawn_file_actions_init(&files);
    if (code) return code;
    code = posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (!code) code = posix_spawn_file_actions_adddup2(&files, file[0], STDOUT_FILENO);
    if (!code) code = posix_spawn_file_actions_adddup2(&files, file[1], STDERR_FILENO);
    if (!code) code = posix_spawnp(&child, "gnuplot", &files, NULL, arguments, environ);
    posix_spawn_file_actions_destroy(&files);
    if (!code) *status = wait_for(child);
    return code;
}

/* ---- what came ------------------------------------------------------------------------------- */

/* All of a file without a name, to be freed with wg__free. */
static bool read_back(const wg__picture *p, int file, wg__text *out) {
    struct stat info;
    if (fstat(file, &info) != 0) return fail_draw(p, "read what it drew", errno);
    size_t size = (size_t)info.st_size;
    *out = (wg__text){ wg__alloc(size + 1), 0, size + 1 };
    if (!out->data) return false;
    while (out->size < size) {
        ssize_t n = pread(file, out->data + out->size, size - out->size, (off_t)out->size);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return fail_draw(p, "read what it drew", errno);
        if (n == 0) break;
        out->size += (size_t)n;
    }
    return true;
}

/* Whether it ends as its format does; blank lines may follow an SVG. */
static bool is_whole(const wg__picture *p, const wg__text *t) {
    static const char end[2][9] = { "</svg>", "IEND\xae\x42\x60\x82" };
    size_t size = t->size, n = strlen(end[p->png]);
    while (!p->png && size > 0 && t->data[size - 1] == '\n') size--;
    return size >= n && memcmp(t->data + size - n, end[p->png], n) == 0;
}

/* gnuplot shows the line, a mark below it, and then the words: line breaks, and
   whatever else is no character, become blanks. */
static bool fail_complaint(const wg__picture *p, const wg__text *words, int status) {
    char text[COMPLAINT + 1];
    size_t n = words->size < COMPLAINT ? words->size : COMPLAINT, k = 0;
    const char *from = words->data + words->size - n;
    for (size_t i = 0; i < n; i++) {
        bool blank = (unsigned char)from[i] <= ' ';
        if (!blank) text[k++] = from[i];
        if (blank && k > 0 && text[k - 1] != ' ') text[k++] = ' ';
    }
    while (k > 0 && text[k - 1] == ' ') k--;
    text[k] = 0;
    bool killed = status >= 0 && WIFSIGNALED(status);
    return wg_fail(WG_ERROR_FILE, "%s: gnuplot did not draw it: %s %d: %s", p->path,
                   killed ? "signal" : "status", killed ? WTERMSIG(status) : status >> 8,
                   k ? text : "it gives no reason");
}

static bool take(const wg__picture *p, const int file[2], int status) {
    wg__text picture = { 0 }, words = { 0 };
    bool ok = read_back(p, file[0], &picture) && read_back(p, file[1], &words);
    if (ok && (status > 0 || !is_whole(p, &picture))) ok = fail_complaint(p, &words, status);
    if (ok) ok = wg__file_write(p->path, (wg__bytes[]){ { picture.data, picture.size } }, 1);
    wg__free(picture.data);
    wg__free(words.data);
    return ok;
}

/* A file without a name, above the standard ones, which the program may have closed. */
static int nameless(const wg__picture *p) {
    FILE *f = tmpfile();
    int file = f ? fcntl(fileno(f), F_DUPFD_CLOEXEC, STDERR_FILENO + 1) : -1;
    if (file < 0) fail_draw(p, "make a temporary file", errno);
    if (f) fclose(f);
    return file;
}

static bool draw_into(const wg__picture *p, const char *command[2], const int file[2],
                      bool *drawn) {
    int status = 0, code = spawn(command[0], command[1], file, &status);
    // where it is the child that looks for the program, its status tells that there is none
    bool absent = status > 0 && WIFEXITED(status) && WEXITSTATUS(status) == NOT_FOUND;
    if (code == ENOENT || absent) return true;
    if (code) return fail_draw(p, "run it", code);
    *drawn = take(p, file, status);
    return *drawn;
}

static bool draw_with(const wg__picture *p, const char *command[2], bool *drawn) {
    int file[2] = { nameless(p), -1 };
    if (file[0] >= 0) file[1] = nameless(p);
    bool ok = file[1] >= 0 && draw_into(p, command, file, drawn);
    for (int i = 0; i < 2; i++)
        if (file[i] >= 0) close(file[i]);
    return ok;
}

bool wg__picture_draw(const wg__picture *p, bool *drawn) {
    wg__text first = { 0 }, script = { 0 };
    wg__text_add(&first, "to_stdout = 1; cd ");
    wg__text_path(&first, p->path, p->folder);
    wg__text_add(&first, "%c", 0);
    wg__text_add(&script, "./%.*s.gp%c", (int)p->stem, p->path + p->folder, 0);
    *drawn = false;
    bool ok = !wg__pending() && draw_with(p, (const char *[]){ first.data, script.data }, drawn);
    wg__free(first.data);
    wg__free(script.data);
    return ok;
}

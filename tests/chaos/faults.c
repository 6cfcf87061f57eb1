/* The N-th file operation below a folder fails, or kills the process. Loaded with LD_PRELOAD; see faults.py.
 *
 * Counted are operations that change something or begin to read: open, write, sync, truncate, rename, link, unlink,
 * mkdir, rmdir. A write that is killed has written its first half: that is how power cuts leave files.
 * Beside that, the clock can jump: every reading of the time of day is off by a day, now before, now after.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { OFF, ONCE, EVER, KILL };

static char folder[4096];
static size_t length;
static int mode = OFF, failure = EIO;
static long at;
static atomic_long counted, readings;
static int jumps;
static unsigned char ours[65536]; /* descriptors of files below the folder */

void faults_begin(const char *below, int how, long number, int error) {
    strncpy(folder, below, sizeof folder - 1);
    length = strlen(folder);
    at = number;
    failure = error;
    counted = 0;
    mode = how;
}

long faults_counted(void) { return counted; }

void faults_jump(int on) { jumps = on; }

static int path_is_ours(int from, const char *path) {
    if (mode == OFF || path == NULL)
        return 0;
    if (path[0] == '/')
        return strncmp(path, folder, length) == 0;
    return from >= 0 && from < (int)sizeof ours && ours[from];
}

static int is_ours(int file) { return mode != OFF && file >= 0 && file < (int)sizeof ours && ours[file]; }

/* Whether this operation is the one. */
static int meets(void) {
    long number = ++counted;
    return at > 0 && (mode == EVER ? number >= at : number == at);
}

static int fails(void) {
    if (!meets())
        return 0;
    if (mode == KILL)
        raise(SIGKILL);
    errno = failure;
    return 1;
}

#define REAL(name) ((__typeof__(&name))real(#name))
static void *real(const char *name) { return dlsym(RTLD_NEXT, name); }

static int opened(int from, const char *path, int file) {
    if (file >= 0 && file < (int)sizeof ours)
        ours[file] = path_is_ours(from, path);
    return file;
}

#define OPENS(name)                                                                                                    \
    int name(const char *path, int flags, ...) {                                                                       \
        va_list rest;                                                                                                  \
        va_start(rest, flags);                                                                                         \
        mode_t rights = va_arg(rest, mode_t);                                                                          \
        va_end(rest);                                                                                                  \
        if (path_is_ours(AT_FDCWD, path) && fails())                                                                   \
            return -1;                                                                                                 \
        return opened(AT_FDCWD, path, REAL(name)(path, flags, rights));                                                \
    }
OPENS(open)
OPENS(open64)

#define OPENS_AT(name)                                                                                                 \
    int name(int from, const char *path, int flags, ...) {                                                             \
        va_list rest;                                                                                                  \
        va_start(rest, flags);                                                                                         \
        mode_t rights = va_arg(rest, mode_t);                                                                          \
        va_end(rest);                                                                                                  \
        if (path_is_ours(from, path) && fails())                                                                       \
            return -1;                                                                                                 \
        return opened(from, path, REAL(name)(from, path, flags, rights));                                              \
    }
OPENS_AT(openat)
OPENS_AT(openat64)

int close(int file) {
    if (file >= 0 && file < (int)sizeof ours)
        ours[file] = 0;
    return REAL(close)(file);
}

ssize_t write(int file, const void *data, size_t size) {
    if (is_ours(file) && meets()) {
        if (mode == KILL) {
            REAL(write)(file, data, size / 2);
            raise(SIGKILL);
        }
        errno = failure;
        return -1;
    }
    return REAL(write)(file, data, size);
}

#define WRITES_AT(name, offset_t)                                                                                      \
    ssize_t name(int file, const void *data, size_t size, offset_t offset) {                                           \
        if (is_ours(file) && meets()) {                                                                                \
            if (mode == KILL) {                                                                                        \
                REAL(name)(file, data, size / 2, offset);                                                              \
                raise(SIGKILL);                                                                                        \
            }                                                                                                          \
            errno = failure;                                                                                           \
            return -1;                                                                                                 \
        }                                                                                                              \
        return REAL(name)(file, data, size, offset);                                                                   \
    }
WRITES_AT(pwrite, off_t)
WRITES_AT(pwrite64, off64_t)

#define OF_FILE(type, name, parameters, arguments)                                                                     \
    type name parameters { return is_ours(file) && fails() ? -1 : REAL(name) arguments; }
OF_FILE(ssize_t, writev, (int file, const struct iovec *parts, int count), (file, parts, count))
OF_FILE(int, fsync, (int file), (file))
OF_FILE(int, fdatasync, (int file), (file))
OF_FILE(int, ftruncate, (int file, off_t size), (file, size))
OF_FILE(int, ftruncate64, (int file, off64_t size), (file, size))

#define OF_PATH(name, parameters, arguments)                                                                           \
    int name parameters { return path_is_ours(AT_FDCWD, path) && fails() ? -1 : REAL(name) arguments; }
OF_PATH(rename, (const char *path, const char *target), (path, target))
OF_PATH(link, (const char *path, const char *target), (path, target))
OF_PATH(unlink, (const char *path), (path))
OF_PATH(rmdir, (const char *path), (path))
OF_PATH(mkdir, (const char *path, mode_t rights), (path, rights))

#define AT_PATH(name, parameters, arguments)                                                                           \
    int name parameters { return path_is_ours(from, path) && fails() ? -1 : REAL(name) arguments; }
AT_PATH(renameat, (int from, const char *path, int to, const char *target), (from, path, to, target))
AT_PATH(linkat, (int from, const char *path, int to, const char *target, int flags), (from, path, to, target, flags))
AT_PATH(unlinkat, (int from, const char *path, int flags), (from, path, flags))
AT_PATH(mkdirat, (int from, const char *path, mode_t rights), (from, path, rights))

int clock_gettime(clockid_t clock, struct timespec *now) {
    int done = REAL(clock_gettime)(clock, now);
    if (done == 0 && jumps && clock == CLOCK_REALTIME)
        now->tv_sec += ++readings % 2 ? 86400 : -86400;
    return done;
}

/* A file system that does not have every call: to be preloaded into a process.

   REFUSED_ROOT: below which folder. REFUSED_CALLS: names of calls, each with the errno to fail with, such as
   "flock=38 chmod=1". `write` is whatever changes something: the file system is read-only. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int refused(const char *call, const char *path) {
    const char *root = getenv("REFUSED_ROOT"), *calls = getenv("REFUSED_CALLS");
    char name[32];
    if (!root || !calls || !path || strncmp(path, root, strlen(root))) return 0;
    snprintf(name, sizeof name, "%s=", call);
    const char *found = strstr(calls, name);
    if (!found) return 0;
    errno = atoi(found + strlen(name));
    return 1;
}

static const char *path_of(int handle) {
    static _Thread_local char path[PATH_MAX];
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", handle);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return NULL;
    path[length] = 0;
    return path;
}

#define REAL(name)                   \
    static __typeof__(name) *real;   \
    if (!real) real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

int flock(int handle, int operation) {
    REAL(flock);
    return refused("flock", path_of(handle)) ? -1 : real(handle, operation);
}

int fsync(int handle) {
    REAL(fsync);
    struct stat about;
    int is_folder = !fstat(handle, &about) && S_ISDIR(about.st_mode);
    return refused(is_folder ? "fsync_folder" : "fsync_file", path_of(handle)) ? -1 : real(handle);
}

int chmod(const char *path, mode_t mode) {
    REAL(chmod);
    return refused("chmod", path) ? -1 : real(path, mode);
}

int fchmod(int handle, mode_t mode) {
    REAL(fchmod);
    return refused("chmod", path_of(handle)) ? -1 : real(handle, mode);
}

int link(const char *old, const char *new) {
    REAL(link);
    return refused("link", new) ? -1 : real(old, new);
}

int rename(const char *old, const char *new) {
    REAL(rename);
    int is_there = !access(new, F_OK);
    return refused("write", new) || (is_there && refused("replace", new)) ? -1 : real(old, new);
}

int unlink(const char *path) {
    REAL(unlink);
    return refused("write", path) ? -1 : real(path);
}

int mkdir(const char *path, mode_t mode) {
    REAL(mkdir);
    struct stat about;
    return stat(path, &about) && refused("write", path) ? -1 : real(path, mode);
}

int access(const char *path, int mode) {
    REAL(access);
    return mode & W_OK && refused("write", path) ? -1 : real(path, mode);
}

static int refuses_open(const char *path, int flags) {
    const char *name = strrchr(path, '/');
    if (name && strlen(name) > 200) return refused("long", path);
    return flags & (O_WRONLY | O_RDWR | O_CREAT) && refused("write", path);
}

#define OPEN(name)                                                        \
    int name(const char *path, int flags, ...) {                          \
        REAL(name);                                                       \
        va_list more;                                                     \
        va_start(more, flags);                                            \
        mode_t mode = flags & O_CREAT ? va_arg(more, mode_t) : 0;         \
        va_end(more);                                                     \
        return refuses_open(path, flags) ? -1 : real(path, flags, mode);  \
    }

OPEN(open)
OPEN(open64)

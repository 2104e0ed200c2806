/*
 * A file layer that remembers what a power cut would take away.
 *
 * Loaded with LD_PRELOAD into `chancery serve`. For every change below UNSYNCED_DIR it writes a record to the journal
 * UNSYNCED_JOURNAL/journal before the change is made: the bytes that were there, and the bytes that will be. A record
 * of fsync or fdatasync says which of them have become durable. After kill -9 the test reads the journal and puts the
 * files into a state that a power cut could have left: synced changes are there, each of the others may be or not
 * (src/faults.rs).
 *
 * Names are held to the letter of POSIX: a file that was created, renamed or removed is durably so only after fsync of
 * its folder. Each written file has a second name in the journal's folder, `ino-<number>`, so that its data can be
 * reached whatever happened to its name; a removed or replaced file is kept there as `old-<number>`.
 *
 * Shared memory files of SQLite (`*-shm`) are left out: they are rebuilt at the first open after a crash.
 *
 * While the file UNSYNCED_JOURNAL/full exists, everything that would need more room fails with ENOSPC.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/* The kinds of records; src/faults.rs has the same numbers. */
enum { WRITE = 1, TRUNCATE = 2, SYNC = 3, CREATE = 4, UNLINK = 5, RENAME = 6, MKDIR = 7 };

struct record {
    uint32_t kind;
    uint32_t first_length;  /* WRITE, TRUNCATE: old bytes; names: the path (RENAME: from) */
    uint32_t second_length; /* WRITE: new bytes; RENAME: the new path */
    uint32_t kept;          /* UNLINK, RENAME: number of the kept file, 0 for none */
    uint64_t inode;         /* the file; SYNC: file or folder */
    uint64_t folder;        /* names: inode of the folder; SYNC: length of the journal when the sync began */
    uint64_t offset;        /* WRITE: where; TRUNCATE: new size */
    uint64_t old_size;      /* WRITE, TRUNCATE: size before */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static const char *tracked;
static const char *journal_folder;
static int journal = -1;
static uint64_t journal_length;
static uint32_t kept_files;
static uint64_t known[1 << 16]; /* inodes with a second name; zero ends a run */

#define NEXT(result, name, ...) \
    static result (*real)(__VA_ARGS__); \
    if (!real) real = (result (*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

__attribute__((constructor)) static void begin(void) {
    char path[PATH_MAX];
    tracked = getenv("UNSYNCED_DIR");
    journal_folder = getenv("UNSYNCED_JOURNAL");
    if (!tracked || !journal_folder) {
        tracked = NULL;
        return;
    }
    snprintf(path, sizeof path, "%s/journal", journal_folder);
    int (*open_file)(const char *, int, ...) = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, "open64");
    journal = open_file(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    /* Without a journal the test would show nothing, so do not run at all. */
    if (journal < 0) abort();
    journal_length = (uint64_t)lseek(journal, 0, SEEK_END);
    /* Programs that this one starts have nothing to do with it. */
    unsetenv("LD_PRELOAD");
}

static int is_tracked_path(const char *path) {
    size_t length = strlen(path);
    if (!tracked || strncmp(path, tracked, strlen(tracked)) != 0) return 0;
    return !(length > 4 && strcmp(path + length - 4, "-shm") == 0);
}

/* Makes a path whole; the folder may be given by descriptor. */
static int absolute(int folder, const char *path, char *out) {
    char link[64];
    if (path[0] == '/') return snprintf(out, PATH_MAX, "%s", path) < PATH_MAX;
    char base[PATH_MAX];
    ssize_t length;
    if (folder == AT_FDCWD) {
        if (!getcwd(base, sizeof base)) return 0;
    } else {
        snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
        length = readlink(link, base, sizeof base - 1);
        if (length < 0) return 0;
        base[length] = 0;
    }
    return snprintf(out, PATH_MAX, "%s/%s", base, path) < PATH_MAX;
}

static uint64_t inode_of_folder(const char *path) {
    char folder[PATH_MAX];
    struct stat status;
    snprintf(folder, sizeof folder, "%s", path);
    char *slash = strrchr(folder, '/');
    if (slash) *slash = 0;
    return stat(folder, &status) == 0 ? status.st_ino : 0;
}

static void append(struct record record, const void *first, const void *second) {
    struct iovec parts[3] = {{&record, sizeof record}, {(void *)first, record.first_length}, {(void *)second, record.second_length}};
    static ssize_t (*real)(int, const struct iovec *, int);
    if (!real) real = (ssize_t (*)(int, const struct iovec *, int))dlsym(RTLD_NEXT, "writev");
    ssize_t wanted = (ssize_t)(sizeof record + record.first_length + record.second_length);
    /* A record that is cut would make the rest of the journal unreadable. */
    if (real(journal, parts, 3) != wanted) abort();
    journal_length += (uint64_t)wanted;
}

/* Gives a file its second name the first time it is seen; false if it is none of ours. */
static int know(uint64_t inode, const char *path) {
    size_t place = (size_t)(inode * 0x9E3779B97F4A7C15u >> 48);
    while (known[place] && known[place] != inode) place = (place + 1) & 0xFFFF;
    if (known[place] == inode) return 1;
    if (!path) return 0;
    known[place] = inode;
    char name[PATH_MAX];
    snprintf(name, sizeof name, "%s/ino-%llu", journal_folder, (unsigned long long)inode);
    return link(path, name) == 0 || errno == EEXIST;
}

static int is_full(void) {
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/full", journal_folder);
    return access(path, F_OK) == 0;
}

/* Keeps a file that is about to lose its name; returns its number, or 0. */
static uint32_t keep(const char *path) {
    char name[PATH_MAX];
    uint32_t number = ++kept_files;
    snprintf(name, sizeof name, "%s/old-%u", journal_folder, number);
    return link(path, name) == 0 ? number : 0;
}

static void *old_bytes(int fd, off_t offset, size_t length, uint64_t size, uint32_t *count) {
    *count = 0;
    if ((uint64_t)offset >= size || length == 0) return NULL;
    if (length > size - (uint64_t)offset) length = (size_t)(size - (uint64_t)offset);
    char link[64];
    static int (*open_file)(const char *, int, ...);
    if (!open_file) open_file = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, "open64");
    /* The descriptor may be open for writing only. */
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    int reader = open_file(link, O_RDONLY | O_CLOEXEC);
    if (reader < 0) abort();
    char *bytes = malloc(length);
    if (!bytes) abort();
    size_t done = 0;
    while (done < length) {
        ssize_t got = pread(reader, bytes + done, length - done, offset + (off_t)done);
        if (got <= 0) break;
        done += (size_t)got;
    }
    close(reader);
    *count = (uint32_t)done;
    return bytes;
}

/* Records a write to come; the lock is held. Returns -1 with errno if it must fail. */
static int record_write(int fd, off_t offset, const struct iovec *parts, int count, const struct stat *status) {
    size_t length = 0;
    for (int i = 0; i < count; i++) length += parts[i].iov_len;
    if ((uint64_t)offset + length > (uint64_t)status->st_size && is_full()) {
        errno = ENOSPC;
        return -1;
    }
    struct record record = {.kind = WRITE, .inode = status->st_ino, .offset = (uint64_t)offset, .old_size = (uint64_t)status->st_size};
    char *now = malloc(length ? length : 1);
    if (!now) abort();
    size_t at = 0;
    for (int i = 0; i < count; i++) {
        memcpy(now + at, parts[i].iov_base, parts[i].iov_len);
        at += parts[i].iov_len;
    }
    void *before = old_bytes(fd, offset, length, record.old_size, &record.first_length);
    record.second_length = (uint32_t)length;
    append(record, before, now);
    free(before);
    free(now);
    return 0;
}

/* True if the descriptor is a file of ours. */
static int is_ours(int fd, struct stat *status) {
    return tracked && fd != journal && fstat(fd, status) == 0 && S_ISREG(status->st_mode) && know(status->st_ino, NULL);
}

/* The place at which write(2) writes. */
static off_t place_of(int fd, const struct stat *status) {
    return fcntl(fd, F_GETFL) & O_APPEND ? status->st_size : lseek(fd, 0, SEEK_CUR);
}

#define RECORDED(place, parts, count, call) \
    struct stat status; \
    if (!tracked || fd == journal) return call; \
    pthread_mutex_lock(&lock); \
    ssize_t result = -1; \
    if (!is_ours(fd, &status) || record_write(fd, place, parts, count, &status) == 0) result = call; \
    int saved = errno; \
    pthread_mutex_unlock(&lock); \
    errno = saved; \
    return result

ssize_t write(int fd, const void *bytes, size_t length) {
    NEXT(ssize_t, "write", int, const void *, size_t);
    struct iovec part = {(void *)bytes, length};
    RECORDED(place_of(fd, &status), &part, 1, real(fd, bytes, length));
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
    NEXT(ssize_t, "writev", int, const struct iovec *, int);
    RECORDED(place_of(fd, &status), parts, count, real(fd, parts, count));
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off_t offset) {
    NEXT(ssize_t, "pwrite64", int, const void *, size_t, off_t);
    struct iovec part = {(void *)bytes, length};
    RECORDED(offset, &part, 1, real(fd, bytes, length, offset));
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset) {
    return pwrite64(fd, bytes, length, offset);
}

ssize_t pwritev64(int fd, const struct iovec *parts, int count, off_t offset) {
    NEXT(ssize_t, "pwritev64", int, const struct iovec *, int, off_t);
    RECORDED(offset, parts, count, real(fd, parts, count, offset));
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset) {
    return pwritev64(fd, parts, count, offset);
}

/* Copies inside the kernel would pass us by; callers fall back to reading and writing. */
ssize_t copy_file_range(int in, off64_t *in_at, int out, off64_t *out_at, size_t length, unsigned flags) {
    NEXT(ssize_t, "copy_file_range", int, off64_t *, int, off64_t *, size_t, unsigned);
    if (!tracked) return real(in, in_at, out, out_at, length, flags);
    errno = EXDEV;
    return -1;
}

ssize_t sendfile64(int out, int in, off64_t *at, size_t length) {
    NEXT(ssize_t, "sendfile64", int, int, off64_t *, size_t);
    struct stat status;
    if (!is_ours(out, &status)) return real(out, in, at, length);
    errno = EINVAL;
    return -1;
}

/* Room reserved ahead has no bytes in it, and SQLite does without. */
int fallocate64(int fd, int mode, off_t offset, off_t length) {
    NEXT(int, "fallocate64", int, int, off_t, off_t);
    struct stat status;
    if (!is_ours(fd, &status)) return real(fd, mode, offset, length);
    errno = EOPNOTSUPP;
    return -1;
}

int posix_fallocate64(int fd, off_t offset, off_t length) {
    NEXT(int, "posix_fallocate64", int, off_t, off_t);
    struct stat status;
    return is_ours(fd, &status) ? EOPNOTSUPP : real(fd, offset, length);
}

static void record_truncate(int fd, off_t size, const struct stat *status) {
    struct record record = {.kind = TRUNCATE, .inode = status->st_ino, .offset = (uint64_t)size, .old_size = (uint64_t)status->st_size};
    void *before = NULL;
    if (size < status->st_size) {
        before = old_bytes(fd, size, (size_t)(status->st_size - size), record.old_size, &record.first_length);
    }
    append(record, before, NULL);
    free(before);
}

int ftruncate64(int fd, off_t size) {
    NEXT(int, "ftruncate64", int, off_t);
    struct stat status;
    pthread_mutex_lock(&lock);
    if (is_ours(fd, &status)) record_truncate(fd, size, &status);
    int result = real(fd, size);
    pthread_mutex_unlock(&lock);
    return result;
}

int ftruncate(int fd, off_t size) {
    return ftruncate64(fd, size);
}

static int synced(int fd, int (*real)(int)) {
    struct stat status;
    if (!tracked || fstat(fd, &status) != 0) return real(fd);
    /* What is written while the disk works may not be on it. */
    pthread_mutex_lock(&lock);
    uint64_t start = journal_length;
    pthread_mutex_unlock(&lock);
    int result = real(fd);
    if (result == 0) {
        pthread_mutex_lock(&lock);
        append((struct record){.kind = SYNC, .inode = status.st_ino, .folder = start}, NULL, NULL);
        pthread_mutex_unlock(&lock);
    }
    return result;
}

int fsync(int fd) {
    NEXT(int, "fsync", int);
    return synced(fd, real);
}

int fdatasync(int fd) {
    NEXT(int, "fdatasync", int);
    return synced(fd, real);
}

static int opened(int folder, const char *path, int flags, mode_t mode, int (*real)(int, const char *, int, ...)) {
    char whole[PATH_MAX];
    struct stat status;
    int writes = (flags & O_ACCMODE) != O_RDONLY;
    if (!tracked || !writes || !absolute(folder, path, whole) || !is_tracked_path(whole)) return real(folder, path, flags, mode);
    pthread_mutex_lock(&lock);
    int existed = stat(whole, &status) == 0;
    int fd = -1;
    if (!existed && (flags & O_CREAT) && is_full()) {
        errno = ENOSPC;
    } else {
        if (!existed && (flags & O_CREAT)) {
            struct record record = {.kind = CREATE, .folder = inode_of_folder(whole), .first_length = (uint32_t)strlen(whole)};
            append(record, whole, NULL);
        }
        fd = real(folder, path, flags & ~O_TRUNC, mode);
        if (fd >= 0 && fstat(fd, &status) == 0 && S_ISREG(status.st_mode)) {
            if (!know(status.st_ino, whole)) abort();
            if (flags & O_TRUNC) {
                if (status.st_size > 0) record_truncate(fd, 0, &status);
                static int (*cut)(int, off_t);
                if (!cut) cut = (int (*)(int, off_t))dlsym(RTLD_NEXT, "ftruncate64");
                cut(fd, 0);
            }
        }
    }
    int saved = errno;
    pthread_mutex_unlock(&lock);
    errno = saved;
    return fd;
}

#define OPEN(folder, path) \
    mode_t mode = 0; \
    if (flags & (O_CREAT | O_TMPFILE)) { \
        va_list words; \
        va_start(words, flags); \
        mode = va_arg(words, mode_t); \
        va_end(words); \
    } \
    static int (*real)(int, const char *, int, ...); \
    if (!real) real = (int (*)(int, const char *, int, ...))dlsym(RTLD_NEXT, "openat64"); \
    return opened(folder, path, flags, mode, real)

int open(const char *path, int flags, ...) { OPEN(AT_FDCWD, path); }
int open64(const char *path, int flags, ...) { OPEN(AT_FDCWD, path); }
int openat(int folder, const char *path, int flags, ...) { OPEN(folder, path); }
int openat64(int folder, const char *path, int flags, ...) { OPEN(folder, path); }

static int removed(int folder, const char *path, int flags, int (*real)(int, const char *, int)) {
    char whole[PATH_MAX];
    struct stat status;
    if (!tracked || (flags & AT_REMOVEDIR) || !absolute(folder, path, whole) || !is_tracked_path(whole) || lstat(whole, &status) != 0) {
        return real(folder, path, flags);
    }
    pthread_mutex_lock(&lock);
    struct record record = {.kind = UNLINK, .inode = status.st_ino, .folder = inode_of_folder(whole), .first_length = (uint32_t)strlen(whole)};
    record.kept = keep(whole);
    append(record, whole, NULL);
    int result = real(folder, path, flags);
    pthread_mutex_unlock(&lock);
    return result;
}

int unlinkat(int folder, const char *path, int flags) {
    NEXT(int, "unlinkat", int, const char *, int);
    return removed(folder, path, flags, real);
}

int unlink(const char *path) {
    return unlinkat(AT_FDCWD, path, 0);
}

int renameat2(int from_folder, const char *from, int to_folder, const char *to, unsigned flags) {
    NEXT(int, "renameat2", int, const char *, int, const char *, unsigned);
    char old_path[PATH_MAX], new_path[PATH_MAX];
    struct stat status;
    if (!tracked || !absolute(from_folder, from, old_path) || !absolute(to_folder, to, new_path)
        || !is_tracked_path(new_path) || lstat(old_path, &status) != 0) {
        return real(from_folder, from, to_folder, to, flags);
    }
    pthread_mutex_lock(&lock);
    struct record record = {.kind = RENAME, .inode = status.st_ino, .folder = inode_of_folder(new_path),
        .first_length = (uint32_t)strlen(old_path), .second_length = (uint32_t)strlen(new_path)};
    record.kept = access(new_path, F_OK) == 0 ? keep(new_path) : 0;
    append(record, old_path, new_path);
    int result = real(from_folder, from, to_folder, to, flags);
    pthread_mutex_unlock(&lock);
    return result;
}

int renameat(int from_folder, const char *from, int to_folder, const char *to) {
    return renameat2(from_folder, from, to_folder, to, 0);
}

int rename(const char *from, const char *to) {
    return renameat2(AT_FDCWD, from, AT_FDCWD, to, 0);
}

int mkdirat(int folder, const char *path, mode_t mode) {
    NEXT(int, "mkdirat", int, const char *, mode_t);
    char whole[PATH_MAX];
    if (!tracked || !absolute(folder, path, whole) || !is_tracked_path(whole) || access(whole, F_OK) == 0) {
        return real(folder, path, mode);
    }
    if (is_full()) {
        errno = ENOSPC;
        return -1;
    }
    pthread_mutex_lock(&lock);
    append((struct record){.kind = MKDIR, .folder = inode_of_folder(whole), .first_length = (uint32_t)strlen(whole)}, whole, NULL);
    int result = real(folder, path, mode);
    pthread_mutex_unlock(&lock);
    return result;
}

int mkdir(const char *path, mode_t mode) {
    return mkdirat(AT_FDCWD, path, mode);
}

/* A disk with faults, for a server that runs with this before the C library (LD_PRELOAD): what it does to the files whose
 * path begins with FAULTY_DISK_FILES passes here. FAULTY_DISK_ORDERS is a file of four numbers, shared with the test, which
 * orders faults by writing them. Nothing here is thought to be quick.
 *
 * What was written and not yet synced is in a list, with what was there before. At a power cut each of these writes has reached
 * the platter, or has not, or only some of its sectors have; then the process ends as by kill -9. So a sync is only a promise,
 * and costs nothing. Not modelled: the life of the names of files, and a truncation that is forgotten. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { SOUND, FULL, READ_ONLY, FAILING_SYNC, SLOW_SYNC, POWER_CUT };
enum { SECTOR_BYTES = 512, DESCRIPTORS_MAX = 65536 };

struct orders {
    uint32_t fault;
    uint32_t sync_ms;        /* SLOW_SYNC: what each takes. */
    uint32_t calls_to_cut;   /* POWER_CUT: writes and syncs until then. */
    uint32_t seed;           /* POWER_CUT: of what is lost. */
};

struct written {
    struct written *next;    /* Towards the older ones. */
    char *path;
    off_t at;
    size_t bytes, bytes_before;
    char *data, *before;
};

static const volatile struct orders *orders;
static const char *files;
static char *paths[DESCRIPTORS_MAX];
static struct written *unsynced;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("FAULTY_DISK_ORDERS");
    files = getenv("FAULTY_DISK_FILES");
    int fd = path && files ? syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0) : -1;
    void *shared = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof *orders, PROT_READ, MAP_SHARED, fd, 0);
    if (shared == MAP_FAILED)
        _exit(99);
    orders = shared;
}

static uint32_t fault(void)
{
    return orders ? orders->fault : SOUND;
}

/* What is kept in memory by all who have the database open needs no disk. */
static int is_watched(const char *path)
{
    size_t length = strlen(path);
    int is_shared_memory = length > 4 && strcmp(path + length - 4, "-shm") == 0;
    return files && strncmp(path, files, strlen(files)) == 0 && !is_shared_memory;
}

static char *path_of(int fd)
{
    return fd >= 0 && fd < DESCRIPTORS_MAX ? paths[fd] : NULL;
}

static int opened(const char *path, int flags, mode_t mode)
{
    int is_ours = is_watched(path);
    if (is_ours && fault() == READ_ONLY && (flags & (O_WRONLY | O_RDWR | O_CREAT))) {
        errno = EROFS;
        return -1;
    }
    int fd = syscall(SYS_openat, AT_FDCWD, path, flags, mode);
    if (is_ours && fd >= 0 && fd < DESCRIPTORS_MAX) {
        pthread_mutex_lock(&lock);
        paths[fd] = strdup(path);
        pthread_mutex_unlock(&lock);
    }
    return fd;
}

int open(const char *path, int flags, ...)
{
    va_list more;
    va_start(more, flags);
    mode_t mode = va_arg(more, mode_t);
    va_end(more);
    return opened(path, flags, mode);
}

extern __typeof(open) open64 __attribute__((alias("open")));

int close(int fd)
{
    /* Its path stays for the list, which may have it. */
    if (path_of(fd))
        paths[fd] = NULL;
    return syscall(SYS_close, fd);
}

static uint32_t chance(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 16;
}

static void put(const char *path, const char *data, size_t bytes, off_t at)
{
    int fd = syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CLOEXEC, 0);
    if (fd < 0)
        _exit(98);
    for (size_t done = 0; done < bytes;) {
        ssize_t more = syscall(SYS_pwrite64, fd, data + done, bytes - done, at + done);
        if (more <= 0)
            _exit(97);
        done += more;
    }
    syscall(SYS_close, fd);
}

/* Takes all of it back, the newest first, and then lets some of it have happened, the oldest first. */
static void cut_power(void)
{
    struct written *oldest = NULL;
    uint32_t state = orders->seed;
    while (unsynced) {
        struct written *write = unsynced;
        put(write->path, write->before, write->bytes_before, write->at);
        if (write->bytes_before < write->bytes)
            syscall(SYS_truncate, write->path, write->at + (off_t)write->bytes_before);
        unsynced = write->next;
        write->next = oldest;
        oldest = write;
    }
    for (struct written *write = oldest; write; write = write->next) {
        uint32_t kept = chance(&state) % 3;
        size_t sectors = write->bytes / SECTOR_BYTES;
        size_t bytes = kept == 0 ? 0 : kept == 1 || sectors < 2 ? write->bytes
            : (1 + chance(&state) % (sectors - 1)) * SECTOR_BYTES;
        put(write->path, write->data, bytes, write->at);
    }
    syscall(SYS_kill, getpid(), SIGKILL);
    for (;;)
        pause();
}

/* Each write and sync counts. The lock is held. */
static void count_towards_cut(void)
{
    static uint32_t calls;
    calls = fault() == POWER_CUT ? calls + 1 : 0;
    if (fault() == POWER_CUT && calls >= orders->calls_to_cut)
        cut_power();
}

/* Reads through the descriptor that writes: to close another one of this file would free SQLite's locks on it. */
static void remember(int fd, const void *data, size_t bytes, off_t at)
{
    struct written *write = malloc(sizeof *write);
    *write = (struct written){ unsynced, paths[fd], at, bytes, 0, malloc(bytes), malloc(bytes) };
    memcpy(write->data, data, bytes);
    ssize_t before = syscall(SYS_pread64, fd, write->before, bytes, at);
    write->bytes_before = before > 0 ? before : 0;
    unsynced = write;
}

static off_t length(int fd)
{
    struct stat found;
    return fstat(fd, &found) == 0 ? found.st_size : 0;
}

/* -1 with the error, or how much of it the disk takes. */
static ssize_t taken(int fd, size_t bytes, off_t at)
{
    if (fault() == READ_ONLY) {
        errno = EROFS;
        return -1;
    }
    if (fault() != FULL)
        return bytes;
    off_t room = length(fd) - at;
    if (room <= 0) {
        errno = ENOSPC;
        return -1;
    }
    return (off_t)bytes < room ? (ssize_t)bytes : room;
}

static ssize_t written(int fd, const void *data, size_t bytes, off_t at)
{
    ssize_t done = -1;
    pthread_mutex_lock(&lock);
    ssize_t wanted = taken(fd, bytes, at);
    if (wanted >= 0) {
        count_towards_cut();
        remember(fd, data, wanted, at);
        done = syscall(SYS_pwrite64, fd, data, wanted, at);
    }
    pthread_mutex_unlock(&lock);
    return done;
}

ssize_t pwrite64(int fd, const void *data, size_t bytes, off_t at)
{
    return path_of(fd) ? written(fd, data, bytes, at) : syscall(SYS_pwrite64, fd, data, bytes, at);
}

ssize_t pwrite(int fd, const void *data, size_t bytes, off_t at)
{
    return pwrite64(fd, data, bytes, at);
}

ssize_t write(int fd, const void *data, size_t bytes)
{
    if (!path_of(fd))
        return syscall(SYS_write, fd, data, bytes);
    off_t at = syscall(SYS_lseek, fd, 0, SEEK_CUR);
    ssize_t done = written(fd, data, bytes, at);
    if (done > 0)
        syscall(SYS_lseek, fd, at + done, SEEK_SET);
    return done;
}

int ftruncate64(int fd, off_t bytes)
{
    if (path_of(fd) && fault() == READ_ONLY) {
        errno = EROFS;
        return -1;
    }
    return syscall(SYS_ftruncate, fd, bytes);
}

int ftruncate(int fd, off_t bytes)
{
    return ftruncate64(fd, bytes);
}

/* From here on what was written to the file stays. */
static void forget(const char *path)
{
    for (struct written **at = &unsynced; *at;) {
        struct written *write = *at;
        if (strcmp(write->path, path) != 0) {
            at = &write->next;
            continue;
        }
        *at = write->next;
        free(write->data);
        free(write->before);
        free(write);
    }
}

static int synced(int fd)
{
    if (fault() == FAILING_SYNC) {
        errno = EIO;
        return -1;
    }
    if (fault() == SLOW_SYNC) {
        struct timespec time = { orders->sync_ms / 1000, orders->sync_ms % 1000 * 1000000L };
        nanosleep(&time, NULL);
    }
    pthread_mutex_lock(&lock);
    count_towards_cut();
    forget(path_of(fd));
    pthread_mutex_unlock(&lock);
    return 0;
}

int fdatasync(int fd)
{
    return path_of(fd) ? synced(fd) : syscall(SYS_fdatasync, fd);
}

int fsync(int fd)
{
    return path_of(fd) ? synced(fd) : syscall(SYS_fsync, fd);
}

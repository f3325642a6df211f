/* See lmdb_files.h. */
#include "io/lmdb_files.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define FILE_MODE 0660

/* linux/magic.h, and what is not in it. */
#define COW_BTRFS    0x9123683eL
#define COW_BCACHEFS 0xca451a4eL
#define COW_ZFS      0x2fc12fc1L

/* What LMDB makes it for its 126 readers. */
#define LOCKS_BYTES 8192

bool
gp_lmdb_files_map(const char *dir)
{
	struct statfs fs;

	return statfs(dir, &fs) == 0 && fs.f_type != COW_BTRFS &&
	       fs.f_type != COW_BCACHEFS && fs.f_type != COW_ZFS;
}

int
gp_lmdb_files_fill(int fd, size_t bytes)
{
	while (fallocate(fd, 0, 0, (off_t)bytes) != 0)
		if (errno != EINTR)
			return errno;
	return 0;
}

size_t
gp_lmdb_files_size(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 ? (size_t)st.st_size : 0;
}

/* Zeros are what LMDB itself would find there. */
static int
fill_locks(int fd)
{
	const char zeros[LOCKS_BYTES] = { 0 };
	struct stat st;
	ssize_t n;

	if (fstat(fd, &st) != 0)
		return errno;
	if (st.st_size >= LOCKS_BYTES)
		return 0;
	n = pwrite(fd, zeros, sizeof(zeros), 0);
	if (n == (ssize_t)sizeof(zeros))
		return 0;
	return n < 0 ? errno : ENOSPC;
}

int
gp_lmdb_files_locks(const char *data, const char *locks)
{
	int error, fd;

	if (gp_lmdb_files_size(data) == 0)
		(void)unlink(locks);
	fd = open(locks, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);
	if (fd < 0)
		return errno;
	error = fill_locks(fd);
	(void)close(fd);
	return error;
}

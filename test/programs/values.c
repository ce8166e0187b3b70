/*
 * Makes calls with known arguments and tells on stderr what they were, a JSON object a line.
 *
 *	values reads     reads of four files by several counts: see reads()
 *	values options   a setsockopt(2), which hands a struct by value around in the kernel
 *	values paths     opens a path that is longer than what is shown of a string
 *	values blocked   a read of one byte that never comes
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef F_SET_RW_HINT
#define F_SET_RW_HINT 1036
#define RWH_WRITE_LIFE_SHORT 2
#endif

static long check(long result)
{
	if (result < 0) {
		fprintf(stderr, "values: %s\n", strerror(errno));
		exit(111);
	}
	return result;
}

/* A file of so many letters, "abc…", at /tmp/NAME. */
static int make_file(const char *name, size_t bytes)
{
	char *letters = malloc(bytes), path[64];
	size_t i;
	int fd;

	for (i = 0; i < bytes; i++)
		letters[i] = 'a' + i % 26;
	snprintf(path, sizeof(path), "/tmp/%s", name);
	fd = check(open(path, O_CREAT | O_TRUNC | O_WRONLY, 0600));
	check(write(fd, letters, bytes));
	check(close(fd));
	free(letters);
	return check(open(path, O_RDONLY | O_NOATIME));
}

static char told[1 << 16];
static size_t told_bytes;

static void read_once(int fd, const char *name, size_t count)
{
	static char buffer[8192];
	long offset = check(lseek(fd, 0, SEEK_CUR));
	struct stat stat;
	long result;

	memset(buffer, 0, sizeof(buffer));
	check(fstat(fd, &stat));
	result = check(read(fd, buffer, count));
	told_bytes += snprintf(told + told_bytes, sizeof(told) - told_bytes,
	                       "{\"name\":\"%s\",\"count\":%zu,\"offset\":%ld,\"result\":%ld,"
	                       "\"ino\":%lu,\"size\":%ld,\"flags\":%ld,\"mode\":%u,"
	                       "\"pid\":%d,\"tid\":%ld,\"buffer\":\"%p\",\"first\":\"%.8s\"}\n",
	                       name, count, offset, result, stat.st_ino, stat.st_size,
	                       check(fcntl(fd, F_GETFL)), stat.st_mode, getpid(),
	                       syscall(SYS_gettid), (void *)buffer, buffer);
}

static int reads(void)
{
	int big = make_file("big-one", 10000), page = make_file("page", 4096);
	int small = make_file("small", 17), zero = check(open("/dev/zero", O_RDONLY));
	unsigned long hint = RWH_WRITE_LIFE_SHORT;
	int i;

	check(fcntl(page, F_SET_RW_HINT, &hint));
	for (i = 0; i < 4; i++)
		read_once(big, "big-one", 4096);
	check(lseek(big, 5, SEEK_SET));
	read_once(big, "big-one", 4095);
	read_once(page, "page", 4096);
	read_once(page, "page", 1);
	check(lseek(page, 0, SEEK_SET));
	read_once(page, "page", 0);
	read_once(page, "page", 8192);
	read_once(small, "small", 4096);
	check(lseek(small, 3, SEEK_SET));
	read_once(small, "small", 4);
	read_once(small, "small", 100);
	for (i = 0; i < 3; i++)
		read_once(zero, "zero", 4096);
	check(write(2, told, told_bytes));
	return 0;
}

static int options(void)
{
	int fd = check(socket(AF_UNIX, SOCK_STREAM, 0));
	int bytes = 12345;

	check(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes)));
	fprintf(stderr, "{\"value\":\"%p\",\"bytes\":%zu}\n", (void *)&bytes, sizeof(bytes));
	return 0;
}

static int paths(void)
{
	char path[200] = "/tmp/";

	memset(path + 5, 'x', 100);
	if (open(path, O_RDONLY) != -1)
		return 112;
	if (open("/tmp/\"\\\t\377", O_RDONLY) != -1)
		return 113;
	return syscall(SYS_open, NULL, O_RDONLY) == -1 ? 0 : 114;
}

static int blocked(void)
{
	int ends[2];
	char byte;

	check(pipe(ends));
	return check(read(ends[0], &byte, 1));
}

int main(int argc, char **argv)
{
	const char *verb = argc > 1 ? argv[1] : "";

	if (!strcmp(verb, "reads"))
		return reads();
	if (!strcmp(verb, "options"))
		return options();
	if (!strcmp(verb, "paths"))
		return paths();
	if (!strcmp(verb, "blocked"))
		return blocked();
	fprintf(stderr, "values: what is '%s'?\n", verb);
	return 110;
}

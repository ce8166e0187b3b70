// reads [N]: reads N bytes (20,000) of /dev/zero one by one and prints what a read cost this
// thread, in ns of its CPU time. Under `fsnoop vm --icount` a ns is an instruction.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static double cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

static void read_times(int fd, int n)
{
	char byte;

	for (int i = 0; i < n; i++)
		if (read(fd, &byte, 1) != 1)
			exit(1);
}

int main(int argc, char **argv)
{
	int n = argc > 1 ? atoi(argv[1]) : 20000;
	int fd = open("/dev/zero", O_RDONLY);
	double begin;

	if (fd < 0 || n < 1)
		return 1;
	read_times(fd, 500); // warm caches and per-task state
	begin = cpu_ns();
	read_times(fd, n);
	printf("%.1f\n", (cpu_ns() - begin) / n);
	return 0;
}

// reads: reads 20,000 bytes of /dev/zero one by one and prints what a read cost this thread, in ns
// of its CPU time: the least of 20 rounds of 1,000, which no timer interrupt hits. Under
// `fsnoop vm --icount` a ns is an instruction, and that repeats exactly.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS 20
#define READS 1000

static double cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

static double cost_of_read(int fd)
{
	double begin = cpu_ns();
	char byte;

	for (int i = 0; i < READS; i++)
		if (read(fd, &byte, 1) != 1)
			exit(1);
	return (cpu_ns() - begin) / READS;
}

int main(void)
{
	int fd = open("/dev/zero", O_RDONLY);
	double least, cost;

	if (fd < 0)
		return 1;
	least = cost_of_read(fd); // the first is dearer: it warms caches and per-task state
	for (int i = 0; i < ROUNDS; i++) {
		cost = cost_of_read(fd);
		if (cost < least)
			least = cost;
	}
	printf("%.1f\n", least);
	return 0;
}

// load RATE SECONDS [BYTES]: reads RATE times a second from /dev/zero, in bursts of 10 ms, for so
// long; prints the rate that it reached. Each read is of one byte, or of 1 to BYTES, at random, the
// same in each run.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static const double burst_s = 0.01;

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static void read_times(int fd, int n, int most)
{
	static char buffer[1 << 16];

	for (int i = 0; i < n; i++) {
		int size = 1 + (most > 1 ? random() % most : 0);

		if (read(fd, buffer, size) != size)
			exit(1);
	}
}

static void sleep_until(double at)
{
	double left = at - now_s();

	if (left > 0)
		usleep(left * 1e6);
}

int main(int argc, char **argv)
{
	int fd = open("/dev/zero", O_RDONLY);
	double begin, rate, seconds;
	int most = argc == 4 ? atoi(argv[3]) : 1;
	int bursts;

	if (fd < 0 || argc < 3 || argc > 4 || most < 1 || most > 1 << 16)
		return 1;
	rate = atof(argv[1]);
	seconds = atof(argv[2]);
	bursts = seconds / burst_s;
	begin = now_s();
	for (int i = 0; i < bursts; i++) {
		read_times(fd, rate * burst_s, most);
		sleep_until(begin + (i + 1) * burst_s);
	}
	printf("%.0f\n", bursts * (double)(int)(rate * burst_s) / (now_s() - begin));
	return 0;
}

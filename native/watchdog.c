// watchdog PID MS: kills the process when nothing has come on descriptor 3 for so long. The kernel
// then detaches all that it had attached. Ends when the other end of the descriptor is closed: the
// process has ended, or wants to be watched no more.
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

// The time is waited for in parts, each of which has to pass with nothing said: where the machine
// itself stood still, all time-outs end at once, and only one part has passed.
#define PARTS 10

// A debugger may stop it for as long as it likes.
static int is_traced(const char *pid)
{
	char path[64], line[256];
	int tracer = 0;

	snprintf(path, sizeof(path), "/proc/%s/status", pid);
	FILE *status = fopen(path, "r");
	if (!status)
		return 0;
	while (fgets(line, sizeof(line), status))
		if (sscanf(line, "TracerPid: %d", &tracer) == 1)
			break;
	fclose(status);
	return tracer != 0;
}

// 0 when the process is watched no more; 1 when nothing was heard of it.
static int is_silent(long ms)
{
	struct pollfd sign = {.fd = 3, .events = POLLIN};
	char signs[64];
	int part = 0;

	while (part < PARTS) {
		if (poll(&sign, 1, ms / PARTS) == 0) {
			part++;
			continue;
		}
		if (read(3, signs, sizeof(signs)) <= 0)
			return 0;
		part = 0;
	}
	return 1;
}

int main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	long ms = atol(argv[2]);
	int process = syscall(SYS_pidfd_open, atoi(argv[1]), 0);

	if (process < 0)
		return 1;
	do {
		if (!is_silent(ms))
			return 0;
	} while (is_traced(argv[1]));
	syscall(SYS_pidfd_send_signal, process, SIGKILL, NULL, 0);
	fprintf(stderr,
	        "fsnoop (%s) gave no sign of life for %g s: it hung, or was stopped as by Ctrl-Z. "
	        "It was "
	        "killed, so that nothing stays attached. --watchdog sets the time, 0 for never.\n",
	        argv[1], ms / 1000.0);
	return 0;
}

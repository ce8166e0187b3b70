/*
 * Makes known calls, so that tests know what a trace must show. Static, so that no loader adds any.
 *
 *	calls read N             N reads of one byte from /dev/zero
 *	calls forever            the same, until a signal ends it
 *	calls mixed              6 reads, 4 writes, 6 opens: see mixed()
 *	calls family C T N       C children with T more threads each; every thread reads N times
 *	calls grand N            a thread of a child has a child of its own, which reads N times
 *	calls sleep N MS         N sleeps of MS milliseconds, each between two of a nanosecond
 *	calls timer N EVERY US   N reads as above, behind every EVERYth one of a timer, after US us
 *	calls receive N MS       a recv() of N messages that are there and one MS ms later
 *	calls large N BYTES      N reads of so many bytes, long enough for interrupts
 *	calls nest N             N epolls, each watching the one before
 *	calls die                ends itself by SIGKILL
 *	calls after FILE ...     waits until FILE is there, then goes on with the rest
 *	calls stopped ...        stops itself, goes on with the rest, and stops itself again
 *	calls urgent ...         goes on with the rest before all usual tasks of its CPU
 *	calls as UID COMMAND...  runs COMMAND as that user, without capabilities
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int zero;

static int check(int result)
{
	if (result < 0) {
		fprintf(stderr, "calls: %s\n", strerror(errno));
		exit(111);
	}
	return result;
}

static void read_zero(long times)
{
	char byte;

	while (times--)
		check(read(zero, &byte, 1));
}

static void *read_in_thread(void *times)
{
	read_zero((long)times);
	return NULL;
}

static int read_in_threads(int threads, long times)
{
	pthread_t thread[64];
	int i;

	for (i = 0; i < threads; i++)
		check(-pthread_create(&thread[i], NULL, read_in_thread, (void *)times));
	read_zero(times);
	for (i = 0; i < threads; i++)
		check(-pthread_join(thread[i], NULL));
	return 0;
}

static int family(int children, int threads, long times)
{
	int i, status;

	for (i = 0; i < children; i++)
		if (check(fork()) == 0)
			return read_in_threads(threads, times);
	read_zero(times);
	for (i = 0; i < children; i++) {
		check(wait(&status));
		if (status)
			return 112;
	}
	return 0;
}

static void *fork_in_thread(void *times)
{
	if (check(fork()) == 0) {
		read_zero((long)times);
		_exit(0);
	}
	check(wait(NULL));
	return NULL;
}

static int grand(long times)
{
	pthread_t thread;

	if (check(fork()) != 0)
		return check(wait(NULL)), 0;
	check(-pthread_create(&thread, NULL, fork_in_thread, (void *)times));
	check(-pthread_join(thread, NULL));
	return 0;
}

static int mixed(void)
{
	static char bytes[4096];
	int sink = check(open("/dev/null", O_WRONLY));
	int folder = check(open("/", O_RDONLY | O_DIRECTORY));
	int full = check(open("/dev/full", O_WRONLY));
	ssize_t ignored;

	ignored = open("/nowhere", O_RDONLY);    /* ENOENT */
	ignored = open("/dev/null/x", O_RDONLY); /* ENOTDIR */
	ignored = read(zero, bytes, 1);          /* 1 */
	ignored = read(zero, bytes, 4096);       /* 4096 */
	ignored = read(zero, bytes, 0);          /* 0 */
	ignored = read(sink, bytes, 1);          /* EBADF */
	ignored = read(folder, bytes, 1);        /* EISDIR */
	ignored = read(zero, (void *)-4096L, 1); /* EFAULT */
	ignored = write(sink, bytes, 3);         /* 3 */
	ignored = write(sink, bytes, 4096);      /* 4096 */
	ignored = write(full, bytes, 1);         /* ENOSPC */
	ignored = write(zero + 100, bytes, 1);   /* EBADF */
	(void)ignored;
	return 0;
}

static int sleep_times(long times, long ms)
{
	struct timespec moment = {.tv_nsec = 1};
	struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

	check(-clock_nanosleep(CLOCK_MONOTONIC, 0, &moment, NULL));
	while (times--) {
		check(-clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL));
		check(-clock_nanosleep(CLOCK_MONOTONIC, 0, &moment, NULL));
	}
	return 0;
}

static int read_timer(long times, long every, long us)
{
	int timer = check(timerfd_create(CLOCK_MONOTONIC, 0));
	struct itimerspec soon = {
	        .it_value = {.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000 + 1},
	};
	uint64_t expirations;
	long at;

	for (at = 1; at <= times; at++) {
		read_zero(1);
		if (at % every)
			continue;
		check(timerfd_settime(timer, 0, &soon, NULL));
		check(read(timer, &expirations, sizeof(expirations)));
	}
	return 0;
}

static int receive(long messages, long ms)
{
	int ends[2], status;
	long at;

	check(socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
	for (at = 0; at < messages; at++)
		check(send(ends[0], "x", 1, MSG_DONTWAIT));
	if (check(fork()) == 0) {
		usleep(ms * 1000);
		return check(send(ends[0], "x", 1, 0)) == 1 ? 0 : 114;
	}
	check(recv(ends[1], malloc(messages + 1), messages + 1, MSG_WAITALL));
	return check(wait(&status)), status ? 112 : 0;
}

static int read_large(long times, size_t bytes)
{
	char *buffer = malloc(bytes);

	memset(buffer, 1, bytes);
	while (times--)
		check(read(zero, buffer, bytes));
	return 0;
}

/* A pipe with a byte in it makes the innermost epoll ready. */
static int nest(int epolls)
{
	struct epoll_event event = {.events = EPOLLIN};
	int ends[2];
	int watched;

	check(pipe(ends));
	check(write(ends[1], "x", 1));
	watched = ends[0];
	while (epolls--) {
		int epoll = check(epoll_create1(0));

		check(epoll_ctl(epoll, EPOLL_CTL_ADD, watched, &event));
		watched = epoll;
	}
	return check(poll(&(struct pollfd){.fd = watched, .events = POLLIN}, 1, 0)) == 1 ? 0 : 113;
}

static int run_as(int user, char **command)
{
	check(setgid(user));
	check(setuid(user));
	check(execvp(command[0], command));
	return 0;
}

static int run(int count, char **words)
{
	const char *verb = count > 0 ? words[0] : "";
	long number[3] = {};
	int i;

	for (i = 1; i < count && i <= 3; i++)
		number[i - 1] = atol(words[i]);
	if (!strcmp(verb, "read"))
		return read_zero(number[0]), 0;
	if (!strcmp(verb, "forever"))
		for (;;)
			read_zero(1000);
	if (!strcmp(verb, "mixed"))
		return mixed();
	if (!strcmp(verb, "family"))
		return family(number[0], number[1], number[2]);
	if (!strcmp(verb, "grand"))
		return grand(number[0]);
	if (!strcmp(verb, "sleep"))
		return sleep_times(number[0], number[1]);
	if (!strcmp(verb, "timer"))
		return read_timer(number[0], number[1], number[2]);
	if (!strcmp(verb, "receive"))
		return receive(number[0], number[1]);
	if (!strcmp(verb, "large"))
		return read_large(number[0], number[1]);
	if (!strcmp(verb, "nest"))
		return nest(number[0]);
	if (!strcmp(verb, "die"))
		return kill(getpid(), SIGKILL);
	if (!strcmp(verb, "after") && count > 2) {
		while (access(words[1], F_OK))
			usleep(10000);
		return run(count - 2, words + 2);
	}
	if (!strcmp(verb, "stopped") && count > 1) {
		raise(SIGSTOP);
		i = run(count - 1, words + 1);
		raise(SIGSTOP);
		return i;
	}
	if (!strcmp(verb, "urgent") && count > 1) {
		check(sched_setscheduler(0, SCHED_FIFO, &(struct sched_param){1}));
		return run(count - 1, words + 1);
	}
	if (!strcmp(verb, "as") && count > 2)
		return run_as(number[0], words + 2);
	fprintf(stderr, "calls: what is '%s'?\n", verb);
	return 110;
}

int main(int argc, char **argv)
{
	zero = check(open("/dev/zero", O_RDONLY));
	return run(argc - 1, argv + 1);
}

/*
 * stress SECONDS: keeps many parts of the kernel busy, round after round, and checks what they did.
 * Prints `OK`; or what came out wrong, with the status 1. Each round has children, a tree of files,
 * pipes, sockets, mappings, timers, signals and threads. Static, so that no loader is needed.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CHILDREN 6
#define FOLDERS 4
#define FILES 6
#define FILE_BYTES 10000
#define MESSAGES 64
#define PAGES 64
#define PAGE 4096
#define SIGNALS 32
#define THREADS 4
#define INCREMENTS 2000

static unsigned int round_number;

static void expect(int holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "stress: round %u: %s (errno: %s)\n", round_number, what, strerror(errno));
	exit(1);
}

#define EXPECT(condition) expect(condition, #condition)

static unsigned char pattern(unsigned int seed, size_t at)
{
	return (seed * 2654435761u + at * 40503u) >> 7;
}

static void fill(unsigned char *bytes, size_t count, unsigned int seed)
{
	for (size_t at = 0; at < count; at++)
		bytes[at] = pattern(seed, at);
}

static int is_filled(const unsigned char *bytes, size_t count, unsigned int seed)
{
	for (size_t at = 0; at < count; at++)
		if (bytes[at] != pattern(seed, at))
			return 0;
	return 1;
}

/* Every child has a status of its own. */
static void have_children(void)
{
	pid_t child[CHILDREN];
	int status, i;

	for (i = 0; i < CHILDREN; i++) {
		child[i] = fork();
		EXPECT(child[i] >= 0);
		if (!child[i]) {
			usleep(100 * i);
			_exit(40 + i);
		}
	}
	for (i = 0; i < CHILDREN; i++) {
		EXPECT(waitpid(child[i], &status, 0) == child[i]);
		EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == 40 + i);
	}
}

static void write_file(const char *path, unsigned int seed)
{
	unsigned char bytes[FILE_BYTES];
	int file = open(path, O_CREAT | O_EXCL | O_WRONLY, 0600);

	EXPECT(file >= 0);
	fill(bytes, sizeof(bytes), seed);
	EXPECT(write(file, bytes, 1000) == 1000);
	EXPECT(pwrite(file, bytes + 1000, FILE_BYTES - 1000, 1000) == FILE_BYTES - 1000);
	EXPECT(!fsync(file) && !close(file));
}

static void check_file(const char *path, unsigned int seed)
{
	unsigned char bytes[FILE_BYTES + 1];
	struct stat about;
	int file = open(path, O_RDONLY);

	EXPECT(file >= 0);
	EXPECT(read(file, bytes, sizeof(bytes)) == FILE_BYTES);
	EXPECT(is_filled(bytes, FILE_BYTES, seed));
	EXPECT(!fstat(file, &about) && about.st_size == FILE_BYTES);
	EXPECT(!close(file));
}

static int count_entries(const char *path)
{
	DIR *folder = opendir(path);
	int entries = 0;

	EXPECT(folder != NULL);
	while (readdir(folder))
		entries++;
	EXPECT(!closedir(folder));
	return entries - 2;
}

static void grow_files(void)
{
	char top[64], folder[96], path[128], moved[128];
	int i, j;

	snprintf(top, sizeof(top), "/tmp/stress-%d", getpid());
	EXPECT(!mkdir(top, 0700));
	for (i = 0; i < FOLDERS; i++) {
		snprintf(folder, sizeof(folder), "%s/%d", top, i);
		EXPECT(!mkdir(folder, 0700));
		for (j = 0; j < FILES; j++) {
			snprintf(path, sizeof(path), "%s/%d", folder, j);
			write_file(path, round_number + i * FILES + j);
		}
		EXPECT(count_entries(folder) == FILES);
	}
	EXPECT(count_entries(top) == FOLDERS);
	for (i = 0; i < FOLDERS; i++) {
		snprintf(folder, sizeof(folder), "%s/%d", top, i);
		for (j = 0; j < FILES; j++) {
			snprintf(path, sizeof(path), "%s/%d", folder, j);
			snprintf(moved, sizeof(moved), "%s/moved-%d", folder, j);
			EXPECT(!rename(path, moved));
			EXPECT(access(path, F_OK) && errno == ENOENT);
			check_file(moved, round_number + i * FILES + j);
			EXPECT(!unlink(moved));
		}
		EXPECT(!rmdir(folder));
	}
	EXPECT(!rmdir(top));
}

/* A child sends back what it gets, over two pipes. */
static void use_pipes(void)
{
	int there[2], back[2], status;
	unsigned int i, got;
	pid_t child;

	EXPECT(!pipe(there) && !pipe(back));
	child = fork();
	EXPECT(child >= 0);
	if (!child) {
		close(there[1]);
		while (read(there[0], &got, sizeof(got)) == sizeof(got)) {
			got = ~got;
			if (write(back[1], &got, sizeof(got)) != sizeof(got))
				_exit(1);
		}
		_exit(0);
	}
	EXPECT(!close(there[0]) && !close(back[1]));
	for (i = 0; i < MESSAGES; i++) {
		EXPECT(write(there[1], &i, sizeof(i)) == sizeof(i));
		EXPECT(read(back[0], &got, sizeof(got)) == sizeof(got) && got == ~i);
	}
	EXPECT(!close(there[1]));
	EXPECT(read(back[0], &got, sizeof(got)) == 0);
	EXPECT(!close(back[0]));
	EXPECT(waitpid(child, &status, 0) == child && status == 0);
}

/* Streams by name, with epoll; a descriptor goes over one. */
static void use_sockets(void)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	struct epoll_event event = {.events = EPOLLIN};
	unsigned char sent[PAGE], got[PAGE];
	int listening = socket(AF_UNIX, SOCK_STREAM, 0), client = socket(AF_UNIX, SOCK_STREAM, 0);
	int epoll = epoll_create1(0), server, i;
	socklen_t bytes;

	bytes = offsetof(struct sockaddr_un, sun_path) + 1 +
	        snprintf(name.sun_path + 1, 32, "stress-%d", getpid());
	EXPECT(listening >= 0 && client >= 0 && epoll >= 0);
	EXPECT(!bind(listening, (void *)&name, bytes) && !listen(listening, 4));
	EXPECT(!connect(client, (void *)&name, bytes));
	server = accept(listening, NULL, NULL);
	EXPECT(server >= 0);
	EXPECT(!epoll_ctl(epoll, EPOLL_CTL_ADD, server, &event));
	for (i = 0; i < MESSAGES; i++) {
		EXPECT(epoll_wait(epoll, &event, 1, 0) == 0);
		fill(sent, sizeof(sent), i);
		EXPECT(send(client, sent, sizeof(sent), 0) == PAGE);
		EXPECT(epoll_wait(epoll, &event, 1, 1000) == 1);
		EXPECT(recv(server, got, sizeof(got), MSG_WAITALL) == PAGE);
		EXPECT(is_filled(got, PAGE, i));
	}
	EXPECT(!shutdown(client, SHUT_WR));
	EXPECT(recv(server, got, sizeof(got), 0) == 0);
	EXPECT(!close(server) && !close(client) && !close(listening) && !close(epoll));
}

/* Pages that are shared with a child, and pages that are not. */
static void map_memory(void)
{
	unsigned char *shared, *own;
	int status;
	pid_t child;

	shared =
	        mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	own = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	EXPECT(shared != MAP_FAILED && own != MAP_FAILED);
	fill(own, PAGES * PAGE, round_number);
	child = fork();
	EXPECT(child >= 0);
	if (!child) {
		fill(shared, PAGES * PAGE, round_number + 1);
		fill(own, PAGES * PAGE, round_number + 2);
		_exit(0);
	}
	EXPECT(waitpid(child, &status, 0) == child && status == 0);
	EXPECT(is_filled(shared, PAGES * PAGE, round_number + 1));
	EXPECT(is_filled(own, PAGES * PAGE, round_number));
	own = mremap(own, PAGES * PAGE, 2 * PAGES * PAGE, MREMAP_MAYMOVE);
	EXPECT(own != MAP_FAILED && is_filled(own, PAGES * PAGE, round_number));
	EXPECT(!own[PAGES * PAGE] && !own[2 * PAGES * PAGE - 1]);
	EXPECT(!mprotect(own, PAGE, PROT_READ));
	EXPECT(!munmap(own, 2 * PAGES * PAGE) && !munmap(shared, PAGES * PAGE));
}

static void wait_for_timers(void)
{
	struct itimerspec soon = {.it_value.tv_nsec = 1000000, .it_interval.tv_nsec = 1000000};
	int timer = timerfd_create(CLOCK_MONOTONIC, 0);
	struct timespec begin, end, pause = {.tv_nsec = 2000000};
	uint64_t times, all = 0;

	clock_gettime(CLOCK_MONOTONIC, &begin);
	EXPECT(timer >= 0 && !timerfd_settime(timer, 0, &soon, NULL));
	while (all < 5) {
		EXPECT(read(timer, &times, sizeof(times)) == sizeof(times) && times > 0);
		all += times;
	}
	EXPECT(!nanosleep(&pause, NULL));
	clock_gettime(CLOCK_MONOTONIC, &end);
	EXPECT((end.tv_sec - begin.tv_sec) * 1000000000L + end.tv_nsec - begin.tv_nsec >= 6000000);
	EXPECT(!close(timer));
}

static volatile long signalled;

static void on_signal(int number, siginfo_t *about, void *context)
{
	(void)number;
	(void)context;
	signalled += about->si_value.sival_int;
}

static void send_signals(void)
{
	struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO};
	int i, sum = 0;

	signalled = 0;
	EXPECT(!sigaction(SIGRTMIN, &action, NULL));
	for (i = 1; i <= SIGNALS; i++) {
		EXPECT(!sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = i}));
		sum += i;
	}
	EXPECT(signalled == sum);
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static long counted;

static void *count(void *unused)
{
	for (int i = 0; i < INCREMENTS; i++) {
		pthread_mutex_lock(&lock);
		counted++;
		pthread_mutex_unlock(&lock);
		if (i % 100 == 0)
			sched_yield();
	}
	return unused;
}

static void run_threads(void)
{
	pthread_t thread[THREADS];
	int i;

	counted = 0;
	for (i = 0; i < THREADS; i++)
		EXPECT(!pthread_create(&thread[i], NULL, count, NULL));
	for (i = 0; i < THREADS; i++)
		EXPECT(!pthread_join(thread[i], NULL));
	EXPECT(counted == THREADS * INCREMENTS);
}

int main(int argc, char **argv)
{
	struct timespec begin, now;

	if (argc != 2)
		return 2;
	clock_gettime(CLOCK_MONOTONIC, &begin);
	do {
		round_number++;
		have_children();
		grow_files();
		use_pipes();
		use_sockets();
		map_memory();
		wait_for_timers();
		send_signals();
		run_threads();
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while (now.tv_sec - begin.tv_sec < atol(argv[1]));
	printf("OK: %u rounds\n", round_number);
	return 0;
}

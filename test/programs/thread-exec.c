// thread-exec FILE: a thread that is not the leader becomes FILE, and takes the leader's id.
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

static void *become(void *file)
{
	char *argv[] = {file, NULL};

	execv(file, argv);
	exit(1);
}

int main(int argc, char **argv)
{
	pthread_t thread;

	if (argc < 2)
		return 2;
	pthread_create(&thread, NULL, become, argv[1]);
	return pthread_join(thread, NULL);
}

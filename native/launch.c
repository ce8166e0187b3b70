// launch COMMAND [ARGUMENT...]: waits for a byte on descriptor 3, then becomes the command.
// fsnoop attaches while it waits, and so sees the command from its first instruction. When fsnoop
// is gone before, so is this. An errno that execvp(3) gave goes back through descriptor 3.
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	char byte;

	(void)argc;
	if (read(3, &byte, 1) != 1)
		return 1;
	fcntl(3, F_SETFD, FD_CLOEXEC);
	execvp(argv[1], argv + 1);
	byte = errno;
	return write(3, &byte, 1) == 1 ? 127 : 126;
}

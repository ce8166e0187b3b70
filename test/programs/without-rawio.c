// without-rawio COMMAND [ARGUMENT...]: runs a command without the capability that /proc/kcore
// needs, even as root.
#include <linux/capability.h>
#include <sys/prctl.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	(void)argc;
	if (prctl(PR_CAPBSET_DROP, CAP_SYS_RAWIO, 0, 0, 0))
		return 1;
	execvp(argv[1], argv + 1);
	return 127;
}

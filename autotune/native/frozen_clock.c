/* Makes an emulator repeatable: a library to be preloaded into QEMU with LD_PRELOAD.
 *
 * - gettimeofday always gives the same time. QEMU resizes its soft TLB by the host's gettimeofday, and what
 *   that TLB holds decides which Accessed bits are set again: with a running clock the host's load leaks into
 *   what the guest's kernel sees. The other clocks stay real, and where AUTOTUNE_REALTIME is set, so does
 *   this one.
 * - ppoll, on the main thread, waits a little before it tells of a ready descriptor. When the guest's CPU
 *   has stopped and the main loop has not noticed yet, QEMU takes the machine for idle and jumps its virtual
 *   clock to the next timer, or doesn't. After the wait it has always jumped. Only where AUTOTUNE_SETTLE is
 *   set: a machine that is read from a pipe would wait for every piece of it.
 * - The process ends with the one that started it. AUTOTUNE_PARENT is the process id of that one: if it has
 *   ended already, so does this process. (The kernel means the thread that started it: start it from
 *   one that stays.)
 *
 * Programs that QEMU starts in turn are left alone: LD_PRELOAD and these variables are not passed on.
 */
#undef _FORTIFY_SOURCE /* its inline functions have the names of those defined here */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#define FROZEN_S 1704067200 /* 2024-01-01 00:00:00 UTC; any time would do */
#define WAIT_NS 30000000

/* Not those of <sys/time.h>: its declaration of gettimeofday differs between C libraries. */
struct frozen_timeval {
	long seconds;
	long microseconds;
};

typedef int ppoll_function(struct pollfd *, nfds_t, const struct timespec *, const sigset_t *);
typedef int checked_ppoll_function(struct pollfd *, nfds_t, const struct timespec *,
				   const sigset_t *, size_t);

static int settles, runs;
static ppoll_function *real_ppoll;
static checked_ppoll_function *real_checked_ppoll;

__attribute__((constructor)) static void start(void)
{
	const char *parent = getenv("AUTOTUNE_PARENT");

	real_ppoll = (ppoll_function *)dlsym(RTLD_NEXT, "ppoll");
	real_checked_ppoll = (checked_ppoll_function *)dlsym(RTLD_NEXT, "__ppoll_chk");
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* After prctl: a parent that ended before it sends no signal. */
	if (parent && getppid() != (pid_t)atol(parent))
		_exit(1);
	settles = getenv("AUTOTUNE_SETTLE") != NULL;
	unsetenv("AUTOTUNE_PARENT");
	runs = getenv("AUTOTUNE_REALTIME") != NULL;
	unsetenv("AUTOTUNE_SETTLE");
	unsetenv("AUTOTUNE_REALTIME");
	unsetenv("LD_PRELOAD");
}

int gettimeofday(struct frozen_timeval *time, void *zone)
{
	(void)zone;
	struct timespec now = { .tv_sec = FROZEN_S };

	if (runs)
		clock_gettime(CLOCK_REALTIME, &now);
	if (time) {
		time->seconds = now.tv_sec;
		time->microseconds = now.tv_nsec / 1000;
	}
	return 0;
}

static int wait_if_ready(int ready)
{
	const struct timespec wait = { .tv_sec = 0, .tv_nsec = WAIT_NS };

	if (settles && ready > 0 && syscall(SYS_gettid) == getpid()) {
		int kept = errno;

		nanosleep(&wait, NULL);
		errno = kept;
	}
	return ready;
}

int ppoll(struct pollfd *files, nfds_t count, const struct timespec *timeout, const sigset_t *mask)
{
	return wait_if_ready(real_ppoll(files, count, timeout, mask));
}

/* What ppoll is called where the caller was compiled with _FORTIFY_SOURCE. */
int __ppoll_chk(struct pollfd *files, nfds_t count, const struct timespec *timeout,
		const sigset_t *mask, size_t files_bytes)
{
	return wait_if_ready(real_checked_ppoll(files, count, timeout, mask, files_bytes));
}

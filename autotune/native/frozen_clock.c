/* Makes an emulator repeatable: a library to be preloaded into QEMU with LD_PRELOAD.
 *
 * - gettimeofday always gives one fixed time. QEMU resizes its soft TLB by the host's gettimeofday, and the
 *   content of that TLB decides which Accessed bits are set again. With a running clock the host's load would
 *   change what the guest's kernel sees. All other clocks stay real. If AUTOTUNE_REALTIME is set,
 *   gettimeofday stays real, too.
 * - ppoll, on the main thread, waits a little before it returns with a ready descriptor. When the guest's CPU
 *   has stopped and the main loop has not noticed yet, QEMU may take the machine for idle and jump its
 *   virtual clock to the next timer, or may not. After the wait QEMU has always jumped. ppoll waits only if
 *   AUTOTUNE_SETTLE is set: a machine that is read from a pipe would wait for every piece of it.
 * - This process ends with its parent, the process that started it. AUTOTUNE_PARENT is the parent's process
 *   id: if the parent has ended already, this process ends at once. (For the kernel the parent is the thread
 *   that started this process: start it from a thread that stays.)
 *
 * Programs that QEMU starts are left alone: they get neither LD_PRELOAD nor these variables.
 */
#undef _FORTIFY_SOURCE /* it defines inline functions with the names of the functions below */
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

/* In place of <sys/time.h>, whose declaration of gettimeofday differs between C libraries. */
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
	/* Checked after prctl: a parent that ended before prctl causes no signal. */
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

/* A caller that was compiled with _FORTIFY_SOURCE calls this instead of ppoll. */
int __ppoll_chk(struct pollfd *files, nfds_t count, const struct timespec *timeout,
		const sigset_t *mask, size_t files_bytes)
{
	return wait_if_ready(real_checked_ppoll(files, count, timeout, mask, files_bytes));
}

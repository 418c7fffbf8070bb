/* Runs a command and writes down which files it and all its descendants look for and do not find.
 *
 *     opens LOG COMMAND [ARGUMENT...]
 *
 * Each line that is appended to LOG is a letter, a blank and an absolute path:
 *
 *     m PATH    looked for, and not there
 *     l PATH    to be listed, and not there
 *     d PATH    a folder that was opened to be listed
 *
 * A path is written once. A filter stops a process only at calls that name a file, so that all others take
 * no longer than usual. Ends when the last process ends, with the exit status of COMMAND; 125 if it can't
 * trace, 127 if COMMAND can't be started.
 *
 * Source: ptrace(2), seccomp(2).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef PTRACE_EVENT_STOP
#define PTRACE_EVENT_STOP 128
#endif
#define CANT_TRACE 125
#define CANT_START 127
#define PAGE 4096
#define MOST_SEEN 65536 /* paths that are remembered; a power of 2 */

/* A call that names a file: where its path is, and where the folder is to which the path is relative. */
struct call {
	long number;
	int path, folder, flags; /* numbers of arguments; -1 where the call has none */
};

static const struct call calls[] = {
	{ SYS_open, 0, -1, 1 },	      { SYS_openat, 1, 0, 2 },	   { SYS_stat, 0, -1, -1 },
	{ SYS_lstat, 0, -1, -1 },     { SYS_newfstatat, 1, 0, -1 }, { SYS_statx, 1, 0, -1 },
	{ SYS_access, 0, -1, -1 },    { SYS_faccessat, 1, 0, -1 },  { SYS_faccessat2, 1, 0, -1 },
	{ SYS_execve, 0, -1, -1 },    { SYS_execveat, 1, 0, -1 },   { SYS_readlink, 0, -1, -1 },
	{ SYS_readlinkat, 1, 0, -1 }, { SYS_chdir, 0, -1, -1 },
};
#define CALLS (sizeof calls / sizeof *calls)

static int log_file;
static uint64_t seen[MOST_SEEN];

static int failed(const char *what)
{
	fprintf(stderr, "opens: %s: %s\n", what, strerror(errno));
	return CANT_TRACE;
}

/* Lets each of the calls stop the process that makes it, and all other calls pass. */
static int install_filter(void)
{
	struct sock_filter program[CALLS + 3];
	struct sock_fprog filter = { .len = CALLS + 3, .filter = program };
	size_t at = 0;

	program[at++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
						     offsetof(struct seccomp_data, nr));
	for (size_t index = 0; index < CALLS; index++)
		program[at++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
							     (uint32_t)calls[index].number,
							     (uint8_t)(CALLS - index), 0);
	program[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	program[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -1;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0);
}

/* Reads a string out of a process, page by page; what follows may be unmapped. */
static int read_string(pid_t pid, unsigned long from, char *into, size_t size)
{
	size_t got = 0;

	while (got < size) {
		size_t wanted = PAGE - (from + got) % PAGE;
		if (wanted > size - got)
			wanted = size - got;
		struct iovec here = { into + got, wanted };
		struct iovec there = { (void *)(from + got), wanted };
		ssize_t count = process_vm_readv(pid, &here, 1, &there, 1, 0);

		if (count <= 0)
			return -1;
		if (memchr(into + got, 0, (size_t)count))
			return 0;
		got += (size_t)count;
	}
	return -1;
}

static int is_new(char kind, const char *path)
{
	uint64_t hash = 14695981039346656037u ^ (unsigned char)kind; /* FNV-1a */

	for (; *path; path++)
		hash = (hash ^ (unsigned char)*path) * 1099511628211u;
	if (!hash)
		hash = 1;
	for (size_t step = 0; step < MOST_SEEN; step++) {
		uint64_t *slot = &seen[(hash + step) % MOST_SEEN];

		if (*slot == hash)
			return 0;
		if (!*slot) {
			*slot = hash;
			return 1;
		}
	}
	return 0; /* full: what comes now is left out */
}

static void write_down(pid_t pid, char kind, const char *path, long folder)
{
	char line[2 * PATH_MAX + 8], above[PATH_MAX] = "", link[64];

	if (!*path || strchr(path, '\n'))
		return;
	if (*path != '/') {
		if ((int)folder == AT_FDCWD)
			snprintf(link, sizeof link, "/proc/%d/cwd", pid);
		else
			snprintf(link, sizeof link, "/proc/%d/fd/%d", pid, (int)folder);
		ssize_t length = readlink(link, above, sizeof above - 1);
		if (length <= 0 || *above != '/')
			return;
		above[length] = 0;
	}
	int length = snprintf(line, sizeof line, "%c %s%s%s\n", kind, above, *above ? "/" : "", path);
	if (length < (int)sizeof line && is_new(kind, line + 2))
		if (write(log_file, line, (size_t)length) != length)
			perror("opens: can't write");
}

static void look_at_result(pid_t pid)
{
	struct user_regs_struct registers;
	char path[PATH_MAX];

	if (ptrace(PTRACE_GETREGS, pid, 0, &registers))
		return;
	const unsigned long long arguments[] = { registers.rdi, registers.rsi, registers.rdx };
	const long long result = (long long)registers.rax;

	for (size_t index = 0; index < CALLS; index++) {
		const struct call *call = &calls[index];

		if (call->number != (long)registers.orig_rax)
			continue;
		int lists = call->flags >= 0 && (arguments[call->flags] & O_DIRECTORY);
		if (result != -ENOENT && !(lists && result >= 0))
			return;
		if (read_string(pid, arguments[call->path], path, sizeof path))
			return;
		long folder = call->folder < 0 ? AT_FDCWD : (long)arguments[call->folder];
		write_down(pid, result >= 0 ? 'd' : lists ? 'l' : 'm', path, folder);
		return;
	}
}

/* Lets a process that has stopped go on; a process may be gone by then. */
static void go_on(pid_t pid, int status)
{
	int event = status >> 16, sent = WSTOPSIG(status);

	if (event == PTRACE_EVENT_SECCOMP) {
		ptrace(PTRACE_SYSCALL, pid, 0, 0); /* up to the end of the call */
	} else if (event == PTRACE_EVENT_STOP && sent != SIGTRAP) {
		ptrace(PTRACE_LISTEN, pid, 0, 0); /* stopped by a signal, until SIGCONT */
	} else if (event) {
		ptrace(PTRACE_CONT, pid, 0, 0);
	} else if (sent == (SIGTRAP | 0x80)) {
		look_at_result(pid);
		ptrace(PTRACE_CONT, pid, 0, 0);
	} else {
		ptrace(PTRACE_CONT, pid, 0, sent);
	}
}

static int watch(pid_t command)
{
	int status, end = 0;
	pid_t pid;

	while ((pid = waitpid(-1, &status, __WALL)) > 0 || errno == EINTR) {
		if (pid < 0)
			continue;
		if (WIFSTOPPED(status))
			go_on(pid, status);
		else if (pid == command)
			end = status;
	}
	if (WIFSIGNALED(end)) { /* end as the command ended */
		signal(WTERMSIG(end), SIG_DFL);
		raise(WTERMSIG(end));
	}
	return WEXITSTATUS(end);
}

int main(int count, char **words)
{
	const long options = PTRACE_O_TRACESECCOMP | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
			     PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC | PTRACE_O_TRACESYSGOOD |
			     PTRACE_O_EXITKILL;
	int begin[2];
	char byte = 0;

	if (count < 3) {
		fputs("opens: a log and a command expected\n", stderr);
		return CANT_TRACE;
	}
	log_file = open(words[1], O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
	if (log_file < 0)
		return failed(words[1]);
	if (pipe2(begin, O_CLOEXEC))
		return failed("pipe");
	pid_t command = fork();
	if (command < 0)
		return failed("fork");
	if (!command) {
		if (read(begin[0], &byte, 1) != 1)
			_exit(CANT_TRACE);
		if (install_filter())
			_exit(failed("can't install a filter"));
		execvp(words[2], words + 2);
		fprintf(stderr, "opens: %s: %s\n", words[2], strerror(errno));
		_exit(CANT_START);
	}
	if (ptrace(PTRACE_SEIZE, command, 0, options))
		return failed("can't trace");
	if (write(begin[1], &byte, 1) != 1)
		return failed("pipe");
	close(begin[0]);
	close(begin[1]);
	return watch(command);
}

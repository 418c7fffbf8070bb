/* Talks to the emulator through I/O ports, from within the virtual machine; needs root there.
 *
 *     ports stop    stops the machine, always at one instruction; exits once the machine goes on
 *     ports send    sends standard input to the debug console
 *
 * Exit status: 0 done, 1 not done, with a message on standard error.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/io.h>
#include <unistd.h>

#define PANIC_PORT 0x505 /* -device pvpanic; QEMU, docs/specs/pvpanic: bit 0, the guest has panicked */
#define PANICKED 1
#define DEBUG_PORT 0xe9 /* -device isa-debugcon: QEMU passes each byte on to a character device */

static int failed(const char *what)
{
	fprintf(stderr, "ports: %s: %s\n", what, strerror(errno));
	return 1;
}

static int stop(void)
{
	if (ioperm(PANIC_PORT, 1, 1))
		return failed("can't use port 0x505");
	outb(PANICKED, PANIC_PORT);
	return 0;
}

static int send_input(void)
{
	static char bytes[65536];
	ssize_t got;

	if (ioperm(DEBUG_PORT, 1, 1))
		return failed("can't use port 0xe9");
	while ((got = read(STDIN_FILENO, bytes, sizeof bytes)) != 0) {
		const char *from = bytes;
		unsigned long count = (unsigned long)got;

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return failed("can't read standard input");
		/* One instruction sends many bytes: a loop of outb costs the emulator much more. */
		__asm__ volatile("cld; rep outsb"
				 : "+S"(from), "+c"(count)
				 : "d"((unsigned short)DEBUG_PORT)
				 : "memory", "cc");
	}
	return 0;
}

int main(int count, char **words)
{
	if (count == 2 && !strcmp(words[1], "stop"))
		return stop();
	if (count == 2 && !strcmp(words[1], "send"))
		return send_input();
	fputs("ports: stop or send expected\n", stderr);
	return 1;
}

/* Plays a memory access pattern: makes the accesses that masim makes for a configuration.
 *
 * Standard input, one line each, numbers in decimal:
 *
 *     pattern REGIONS PHASES ACCESSES        how many lines of each kind follow, over all phases
 *     region BYTES FILE                      FILE is the rest of the line; - for no file
 *     phase MICROSECONDS ACCESSES            how many of the following access lines belong to this phase
 *     access REGION RANDOM STRIDE WEIGHT MODE
 *     go SEED                                after "ready" is printed; SEED decides the order of batches
 *
 * The regions come first, then each phase with its accesses. REGION counts from 0, RANDOM is 0 or 1, STRIDE
 * is in bytes and ignored if RANDOM is 1, MODE is ro, wo or rw.
 *
 * Standard output: "ready" when every page of every region was written once; "phase INDEX ACCESSES
 * MICROSECONDS" at the end of each phase; "done" at the end. Then it waits for another line, or the end of the
 * input, before it exits: giving its memory back is no part of the pattern.
 *
 * Exit status: 0 done, or the input ended before "go"; 1 output can't be written; 2 malformed input; 3 a data
 * file can't be read; 4 no memory.
 *
 * The program does not use malloc, so that its addresses are alike with every C library: the program with its
 * table of random numbers is at low addresses; the regions are at high addresses, each below the one before.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

/* masim's defaults: --nr_accesses_per_region, and --random_batch times --random_array. */
#define BATCH_ACCESSES 131072
#define TABLE_NUMBERS 1000000

/* Regions lie as in a large block of glibc's malloc: behind a header of 16 bytes, rounded up to pages. */
#define HEADER_BYTES 16
#define PAGE_BYTES 4096

#define MOST_BYTES (UINT64_MAX >> 1) /* of a region or a stride, so that sums don't overflow */
#define MOST_LINES (1u << 20)
#define MOST_WEIGHT UINT32_MAX
#define MOST_MICROSECONDS (UINT64_MAX / 1000)

enum status { OUTPUT_FAILED = 1, MALFORMED = 2, DATA_FILE_FAILED = 3, NO_MEMORY = 4 };

enum mode { READ, WRITE, READ_WRITE };

struct region {
	volatile unsigned char *bytes;
	uint64_t size_bytes;
};

struct access {
	const struct region *region;
	uint64_t stride_bytes;
	uint64_t offset;
	uint64_t weight;
	int random;
	enum mode mode;
};

struct phase {
	uint64_t microseconds;
	uint64_t accesses;
};

static uint64_t table[TABLE_NUMBERS];
static uint64_t walked; /* index of the next number of the table */
static char line[8192], input_buffer[4096], output_buffer[4096];
static uint64_t line_number;

__attribute__((noreturn, format(printf, 2, 3))) static void fail(enum status status,
								  const char *format, ...)
{
	va_list values;

	va_start(values, format);
	fputs("player: ", stderr);
	vfprintf(stderr, format, values);
	fputc('\n', stderr);
	va_end(values);
	_exit(status);
}

__attribute__((noreturn)) static void malformed(const char *what)
{
	fail(MALFORMED, "line %" PRIu64 ": %s", line_number, what);
}

/* splitmix64 (Steele, Lea, Flood 2014): one addition and one mix per number; every seed is good. */
static uint64_t next_random(uint64_t *state)
{
	uint64_t mixed = *state += UINT64_C(0x9e3779b97f4a7c15);

	mixed = (mixed ^ (mixed >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	mixed = (mixed ^ (mixed >> 27)) * UINT64_C(0x94d049bb133111eb);
	return mixed ^ (mixed >> 31);
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void say_now(void)
{
	if (fflush(stdout))
		fail(OUTPUT_FAILED, "can't write: %s", strerror(errno));
}

/* ---- reading ---- */

/* Reads a line, without its line break; gives 0 at the end of the input. */
static int read_line(void)
{
	size_t length;

	line_number++;
	if (!fgets(line, sizeof line, stdin))
		return 0;
	length = strlen(line);
	if (!length || line[length - 1] != '\n')
		malformed("too long, or without its end");
	line[length - 1] = '\0';
	return 1;
}

/* Moves behind a word and the blank that follows it, if there is one. */
static char *skip_word(char *text, const char *word)
{
	size_t length = strlen(word);

	if (strncmp(text, word, length) || (text[length] && text[length] != ' '))
		fail(MALFORMED, "line %" PRIu64 ": '%s' expected", line_number, word);
	return text + length + (text[length] == ' ');
}

static char *read_number(char *text, uint64_t most, uint64_t *number)
{
	uint64_t value = 0;
	char *at = text;

	for (; *at >= '0' && *at <= '9'; at++) {
		unsigned int digit = (unsigned int)(*at - '0');

		if (digit > most || value > (most - digit) / 10)
			malformed("number too large");
		value = value * 10 + digit;
	}
	if (at == text || (*at && *at != ' '))
		malformed("number expected");
	*number = value;
	return at + (*at == ' ');
}

static void expect_end(const char *text)
{
	if (*text)
		malformed("more than expected");
}

static char *read_line_of(const char *kind)
{
	if (!read_line())
		malformed("input ends too early");
	return skip_word(line, kind);
}

/* ---- memory ---- */

static void *map(uint64_t size_bytes)
{
	void *mapped = mmap(NULL, size_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			    -1, 0);

	if (mapped == MAP_FAILED)
		fail(NO_MEMORY, "can't map %" PRIu64 " bytes: %s", size_bytes, strerror(errno));
	return mapped;
}

/* Fills a region with a file's content, repeated until the region is full. */
static void fill(unsigned char *bytes, uint64_t size_bytes, const char *path)
{
	uint64_t length = 0;
	int file = open(path, O_RDONLY | O_CLOEXEC);

	if (file < 0)
		fail(DATA_FILE_FAILED, "%s: can't be read: %s", path, strerror(errno));
	while (length < size_bytes) {
		ssize_t got = read(file, bytes + length, size_bytes - length);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			fail(DATA_FILE_FAILED, "%s: can't be read: %s", path, strerror(errno));
		if (!got)
			break;
		length += (uint64_t)got;
	}
	close(file);
	if (!length)
		fail(DATA_FILE_FAILED, "%s: is empty: nothing to fill a region with", path);
	for (uint64_t i = length; i < size_bytes; i++)
		bytes[i] = bytes[i - length];
}

static void read_region(struct region *region)
{
	uint64_t mapped_bytes;
	unsigned char *mapped;
	char *path = read_number(read_line_of("region"), MOST_BYTES, &region->size_bytes);

	if (!region->size_bytes)
		malformed("a region has 1 byte or more");
	if (!*path)
		malformed("file expected");
	mapped_bytes = (region->size_bytes + HEADER_BYTES + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
	mapped = map(mapped_bytes);
	region->bytes = mapped + HEADER_BYTES;
	/* A page is not all zeros: a page of one repeated word takes no memory in zram. */
	if (strcmp(path, "-")) {
		mapped[0] = 1;
		fill(mapped + HEADER_BYTES, region->size_bytes, path);
	} else {
		for (uint64_t at = 0; at < mapped_bytes; at += PAGE_BYTES)
			mapped[at] = 1;
	}
}

static void read_access(struct access *access, const struct region *regions, uint64_t n_regions)
{
	uint64_t region, random;
	char *at = read_number(read_line_of("access"), MOST_LINES, &region);

	at = read_number(at, 1, &random);
	at = read_number(at, MOST_BYTES, &access->stride_bytes);
	at = read_number(at, MOST_WEIGHT, &access->weight);
	if (region >= n_regions)
		malformed("no such region");
	if (!random && !access->stride_bytes)
		malformed("a stride is 1 byte or more");
	if (!strcmp(at, "ro"))
		access->mode = READ;
	else if (!strcmp(at, "wo"))
		access->mode = WRITE;
	else if (!strcmp(at, "rw"))
		access->mode = READ_WRITE;
	else
		malformed("ro, wo or rw expected");
	access->region = regions + region;
	access->random = (int)random;
}

/* ---- playing ---- */

#define INLINE static inline __attribute__((always_inline))

INLINE void touch(volatile unsigned char *byte, enum mode mode)
{
	if (mode != WRITE)
		(void)*byte;
	if (mode != READ)
		*byte = 1;
}

INLINE void sweep(struct access *access, enum mode mode)
{
	volatile unsigned char *bytes = access->region->bytes;
	uint64_t size_bytes = access->region->size_bytes;
	uint64_t stride_bytes = access->stride_bytes;
	uint64_t offset = access->offset;

	for (int i = 0; i < BATCH_ACCESSES; i++) {
		offset += stride_bytes;
		if (offset >= size_bytes)
			offset = 0;
		touch(bytes + offset, mode);
	}
	access->offset = offset;
}

INLINE void jump(const struct access *access, enum mode mode)
{
	volatile unsigned char *bytes = access->region->bytes;
	uint64_t size_bytes = access->region->size_bytes;
	uint64_t index = walked;

	for (int i = 0; i < BATCH_ACCESSES; i++) {
		touch(bytes + table[index] % size_bytes, mode);
		if (++index == TABLE_NUMBERS)
			index = 0;
	}
	walked = index;
}

/* One loop for each kind of access: a choice within the loop would cost time with each access. */
static void play_batch(struct access *access)
{
	switch (access->mode) {
	case READ:
		if (access->random)
			jump(access, READ);
		else
			sweep(access, READ);
		break;
	case WRITE:
		if (access->random)
			jump(access, WRITE);
		else
			sweep(access, WRITE);
		break;
	case READ_WRITE:
		if (access->random)
			jump(access, READ_WRITE);
		else
			sweep(access, READ_WRITE);
		break;
	}
}

static struct access *draw(struct access *accesses, uint64_t weights, uint64_t *random_state)
{
	uint64_t drawn = next_random(random_state) % weights;

	while (drawn >= accesses->weight)
		drawn -= accesses++->weight;
	return accesses;
}

static void play_phase(const struct phase *phase, uint64_t index, struct access *accesses,
		       uint64_t *random_state)
{
	uint64_t weights = 0, done = 0, elapsed_ns, start_ns = now_ns();

	for (uint64_t i = 0; i < phase->accesses; i++)
		weights += accesses[i].weight;
	do {
		if (weights) {
			play_batch(draw(accesses, weights, random_state));
			done += BATCH_ACCESSES;
		}
		elapsed_ns = now_ns() - start_ns;
	} while (elapsed_ns <= phase->microseconds * 1000);
	printf("phase %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", index, done, elapsed_ns / 1000);
	say_now();
}

int main(void)
{
	uint64_t n_regions, n_phases, n_accesses, described = 0, random_state = 0;
	struct region *regions;
	struct access *accesses;
	struct phase *phases;
	char *at;

	setvbuf(stdin, input_buffer, _IOFBF, sizeof input_buffer);
	setvbuf(stdout, output_buffer, _IOFBF, sizeof output_buffer);
	at = read_number(read_line_of("pattern"), MOST_LINES, &n_regions);
	at = read_number(at, MOST_LINES, &n_phases);
	expect_end(read_number(at, MOST_LINES, &n_accesses));
	if (!n_regions || !n_phases || !n_accesses)
		malformed("a pattern has a region, a phase and an access");
	regions = map(n_regions * sizeof *regions + n_phases * sizeof *phases +
		      n_accesses * sizeof *accesses);
	phases = (struct phase *)(regions + n_regions);
	accesses = (struct access *)(phases + n_phases);

	for (uint64_t i = 0; i < TABLE_NUMBERS; i++)
		table[i] = next_random(&random_state);
	for (uint64_t i = 0; i < n_regions; i++)
		read_region(regions + i);
	for (uint64_t i = 0; i < n_phases; i++) {
		at = read_number(read_line_of("phase"), MOST_MICROSECONDS, &phases[i].microseconds);
		expect_end(read_number(at, n_accesses - described, &phases[i].accesses));
		for (uint64_t j = 0; j < phases[i].accesses; j++)
			read_access(accesses + described++, regions, n_regions);
	}
	if (described != n_accesses)
		malformed("fewer accesses than announced");
	puts("ready");
	say_now();

	if (!read_line())
		return 0;
	expect_end(read_number(skip_word(line, "go"), UINT64_MAX, &random_state));
	for (uint64_t i = 0; i < n_phases; i++) {
		play_phase(phases + i, i, accesses, &random_state);
		accesses += phases[i].accesses;
	}
	puts("done");
	say_now();
	/* Exits without clean-up: giving the memory back would take time. */
	read_line();
	_exit(0);
}

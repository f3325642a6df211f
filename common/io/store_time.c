/* See store_time.h. */
#include "io/store_time.h"

#include "base/str.h"
#include "base/time.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define BOOT_DIGITS ((size_t)2 * GP_STORE_BOOT_BYTES)
#define BOOT_ID     "/proc/sys/kernel/random/boot_id"

/* Longer, and the clock is more likely to be wrong than the system off. */
#define OFF_MAX_S (INT64_C(400) * 86400)

void
gp_store_time_boot(uint8_t boot[GP_STORE_BOOT_BYTES])
{
	char text[BOOT_DIGITS + 4];
	int fd = open(BOOT_ID, O_RDONLY | O_CLOEXEC);
	ssize_t got = -1;
	size_t digits = 0;

	memset(boot, 0, GP_STORE_BOOT_BYTES);
	if (fd >= 0) {
		got = read(fd, text, sizeof(text));
		(void)close(fd);
	}
	for (ssize_t i = 0; i < got && digits < BOOT_DIGITS; i++) {
		int value = gp_hex_value(text[i]);

		if (value < 0)
			continue;
		boot[digits / 2] = (uint8_t)(boot[digits / 2] << 4 | value);
		digits++;
	}
	if (digits < BOOT_DIGITS)
		memset(boot, 0, GP_STORE_BOOT_BYTES);
}

static bool
is_known(const uint8_t boot[GP_STORE_BOOT_BYTES])
{
	static const uint8_t unknown[GP_STORE_BOOT_BYTES];

	return memcmp(boot, unknown, sizeof(unknown)) != 0;
}

static int64_t
off_ms(const struct gp_store_time *t, int64_t wall_s)
{
	const int64_t off_s =
	    gp_time_min(gp_time_sub(wall_s, t->wall_s), OFF_MAX_S);

	return off_s > 0 ? off_s * 1000 : 0;
}

int64_t
gp_store_time_now(struct gp_store_time *t,
    const uint8_t boot[GP_STORE_BOOT_BYTES], int64_t now_ms, int64_t wall_s)
{
	const bool new_file = t->last_ms == 0 && !is_known(t->boot);
	const bool known = is_known(t->boot) && is_known(boot);
	int64_t file_ms = gp_time_add(now_ms, t->shift_ms);

	if (known && memcmp(t->boot, boot, GP_STORE_BOOT_BYTES) != 0)
		file_ms = gp_time_add(t->last_ms, off_ms(t, wall_s));
	else if (!known && !new_file && file_ms < t->last_ms)
		file_ms = t->last_ms;
	memcpy(t->boot, boot, GP_STORE_BOOT_BYTES);
	t->shift_ms = gp_time_sub(file_ms, now_ms);
	t->last_ms = file_ms;
	t->wall_s = wall_s;
	return file_ms;
}

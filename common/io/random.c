/* See random.h. */
#include "io/random.h"

#include <errno.h>
#include <sys/random.h>

enum gp_rc
gp_random_bytes(uint8_t *out, size_t n)
{
	size_t have = 0;

	while (have < n) {
		ssize_t got = getrandom(out + have, n - have, 0);

		if (got < 0 && errno != EINTR)
			return GP_TEMP;
		if (got > 0)
			have += (size_t)got;
	}
	return GP_OK;
}

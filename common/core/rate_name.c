/* See rate_name.h. */
#include "core/rate_name.h"

#include "base/siphash.h"

#include <stdio.h>
#include <string.h>

/* Octets of a name before what is cut off becomes a hash of 32. */
#define NAME_KEEP (GP_CHARGE_KEY_MAX - GP_RATE_HASH_TEXT)

void
gp_rate_name_hash(struct gp_str s, char out[GP_RATE_HASH_TEXT])
{
	static const uint64_t seeds[2][2] = { { 0x6761746570, 0x6f73740001 },
		{ 0x6761746570, 0x6f73740002 } };

	for (size_t i = 0; i < 2; i++)
		(void)snprintf(out + 16 * i, 17, "%016llx",
		    (unsigned long long)gp_siphash(seeds[i], s.p, s.n));
}

/* What needs no escape in a name. */
static bool
is_plain(char c)
{
	return gp_is_alnum(c) || c == '-' || c == '.' || c == '_' || c == '@' ||
	       c == '+' || c == ':';
}

void
gp_rate_name_add(struct gp_buf *b, struct gp_str value)
{
	static const char hex[] = "0123456789ABCDEF";

	for (size_t i = 0; i < value.n; i++) {
		unsigned char c = (unsigned char)value.p[i];

		if (is_plain((char)c)) {
			gp_buf_addc(b, (char)c);
			continue;
		}
		gp_buf_addc(b, '%');
		gp_buf_addc(b, hex[c >> 4]);
		gp_buf_addc(b, hex[c & 15]);
	}
}

struct gp_str
gp_rate_name_take(struct gp_buf *b, struct gp_arena *arena)
{
	struct gp_str whole = gp_buf_str(b);
	struct gp_str name;
	char hash[GP_RATE_HASH_TEXT];

	if (whole.n <= GP_CHARGE_KEY_MAX) {
		name = gp_arena_dup(arena, whole);
	} else {
		gp_rate_name_hash(whole, hash);
		name = gp_str(gp_arena_printf(arena, "%.*s#%s", NAME_KEEP,
		    whole.p, hash));
	}
	gp_buf_clear(b);
	return name;
}

void
gp_rate_name_begin(struct gp_buf *b, char kind, const char *block)
{
	/* what is beyond this does not matter: the name ends in a hash */
	gp_buf_init(b, (size_t)64 * 1024);
	gp_buf_addc(b, kind);
	gp_buf_addc(b, '/');
	gp_buf_adds(b, block);
	gp_buf_addc(b, '/');
}

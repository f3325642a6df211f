/*
 * A body in any pieces is judged as by a reference that looks at each octet;
 * a field whose phrases are in quotes is never one that Sendmail re-quotes.
 *
 * Input: a seed for the pieces, then the text.
 */
#include "core/fragile.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define BIT(what) (1U << (what))

/* How many octets stand for one of the input, so that lines grow long. */
static size_t
octets(char c)
{
	return c == '*' ? 331 : 1;
}

static unsigned
reference(const char *p, size_t n)
{
	size_t line = 0;
	unsigned found = 0;

	for (size_t i = 0; i < n; i++) {
		bool cr = i > 0 && p[i - 1] == '\r';

		if (p[i] == '\n') {
			found |=
			    line - cr > 998 ? BIT(GP_FRAGILE_LONG_LINE) : 0;
			found |= cr ? 0 : BIT(GP_FRAGILE_BARE_LF);
			line = 0;
			continue;
		}
		found |= cr ? BIT(GP_FRAGILE_BARE_CR) : 0;
		line++;
	}
	if (n > 0 && p[n - 1] == '\r')
		found |= BIT(GP_FRAGILE_BARE_CR);
	return found | (line > 998 ? BIT(GP_FRAGILE_LONG_LINE) : 0);
}

static unsigned
in_pieces(const char *p, size_t n, uint32_t seed, size_t most)
{
	struct gp_fragile_scan s = { .found = 0 };

	while (n > 0) {
		size_t take = n;
		char *exact;

		seed = seed * 1664525 + 1013904223;
		if (most > 0)
			take = (seed >> 16) % (most + 1);
		take = take < n ? take : n;
		/* of just its size, so that an octet too far is seen */
		exact = malloc(take + 1);
		assert(exact != NULL);
		memcpy(exact + 1, p, take);
		gp_fragile_body(&s, gp_str_n(exact + 1, take));
		free(exact);
		p += take;
		n -= take;
	}
	gp_fragile_end(&s);
	assert(s.line == 0 && !s.cr);
	return s.found;
}

static void
check_body(const uint8_t *data, size_t size)
{
	size_t n = 0;
	char *text;
	unsigned wanted;

	for (size_t i = 1; i < size; i++)
		n += octets((char)data[i]);
	text = malloc(n + 1);
	assert(text != NULL);
	n = 0;
	for (size_t i = 1; i < size; i++) {
		memset(text + n, data[i], octets((char)data[i]));
		n += octets((char)data[i]);
	}
	wanted = reference(text, n);
	assert(in_pieces(text, n, data[0], 0) == wanted);
	assert(in_pieces(text, n, data[0], 1) == wanted);
	assert(in_pieces(text, n, data[0], 70) == wanted);
	assert(in_pieces(text, n, data[0], 1200) == wanted);
	free(text);
}

static unsigned
in_field(const char *name, struct gp_str value)
{
	struct gp_fragile_scan s = { .found = 0 };
	struct gp_field f = { .name = gp_str(name), .value = value };

	gp_fragile_field(&s, &f);
	gp_fragile_end(&s);
	return s.found;
}

static void
check_field(const uint8_t *data, size_t size)
{
	char *exact = malloc(size + 1), *quoted;
	struct gp_str value;
	unsigned found, other;
	size_t n = 0;

	assert(exact != NULL);
	memcpy(exact + 1, data, size);
	value = gp_str_n(exact + 1, size);
	found = in_field("From", value);
	other = in_field("Frog", value);
	assert(other == (found & ~BIT(GP_FRAGILE_REQUOTE)));
	if (gp_str_find(value, '<') == value.n)
		assert(found == other);

	quoted = malloc(size * 2 + 10);
	assert(quoted != NULL);
	quoted[n++] = '"';
	for (size_t i = 0; i < size; i++) {
		if (data[i] == '"' || data[i] == '\\')
			quoted[n++] = '\\';
		quoted[n++] = (char)data[i];
	}
	memcpy(quoted + n, "\" <a@b>", 7);
	found = in_field("From", gp_str_n(quoted, n + 7));
	assert((found & BIT(GP_FRAGILE_REQUOTE)) == 0);
	free(quoted);
	free(exact);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	check_body(data, size);
	check_field(data, size);
	return 0;
}

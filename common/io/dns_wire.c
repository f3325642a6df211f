/* See dns_wire.h. */
#include "io/dns_wire.h"

#include <string.h>

#define HEADER_BYTES   12
#define WIRE_LABEL_MAX 63
#define POINTERS_MAX   127 /* in one name: as many as it has labels */

/* -- bytes --------------------------------------------------------------- */

static bool
have(struct gp_dns_cursor *c, size_t n)
{
	if (c->bad || n > c->n - c->at)
		c->bad = true;
	return !c->bad;
}

unsigned
gp_dns_read_u8(struct gp_dns_cursor *c)
{
	return have(c, 1) ? c->p[c->at++] : 0;
}

unsigned
gp_dns_read_u16(struct gp_dns_cursor *c)
{
	const unsigned high = gp_dns_read_u8(c);

	return high << 8 | gp_dns_read_u8(c);
}

uint32_t
gp_dns_read_u32(struct gp_dns_cursor *c)
{
	const uint32_t high = gp_dns_read_u16(c);

	return high << 16 | gp_dns_read_u16(c);
}

void
gp_dns_skip(struct gp_dns_cursor *c, size_t n)
{
	if (have(c, n))
		c->at += n;
}

/* Reads a pointer whose first byte was `first`.  It must lead to before
 * `*segment`, where the present run of labels began, so every jump is a step
 * towards the start and there are no loops. */
static void
follow_pointer(struct gp_dns_cursor *c, unsigned first, size_t *segment)
{
	const size_t to = (first & 0x3f) << 8 | gp_dns_read_u8(c);

	if (to < HEADER_BYTES || to >= *segment)
		c->bad = true;
	*segment = to;
	c->at = to;
}

/* Reads one label with its length byte into `name`; false at the root. */
static bool
read_label(struct gp_dns_cursor *c, unsigned length,
    struct gp_dns_wire_name *name)
{
	if (length > WIRE_LABEL_MAX || name->n + 1 + length > GP_DNS_WIRE_MAX ||
	    !have(c, length)) {
		c->bad = true;
		return false;
	}
	name->b[name->n++] = (uint8_t)length;
	if (length != 0)
		memcpy(name->b + name->n, c->p + c->at, length);
	name->n += length;
	c->at += length;
	return length != 0;
}

void
gp_dns_read_name(struct gp_dns_cursor *c, struct gp_dns_wire_name *name)
{
	size_t segment = c->at, behind = 0;
	unsigned pointers = 0;
	bool more = true;

	name->n = 0;
	while (more && !c->bad) {
		const unsigned length = gp_dns_read_u8(c);

		if ((length & 0xc0) != 0xc0) {
			more = read_label(c, length, name);
			continue;
		}
		if (behind == 0)
			behind = c->at + 1;
		follow_pointer(c, length, &segment);
		if (++pointers > POINTERS_MAX)
			c->bad = true;
	}
	if (behind != 0)
		c->at = behind;
}

void
gp_dns_skip_name(struct gp_dns_cursor *c)
{
	unsigned length;

	while ((length = gp_dns_read_u8(c)) != 0 && !c->bad) {
		if ((length & 0xc0) == 0xc0) {
			gp_dns_skip(c, 1);
			return;
		}
		if (length > WIRE_LABEL_MAX)
			c->bad = true;
		gp_dns_skip(c, length);
	}
}

/* -- names --------------------------------------------------------------- */

/* Length bytes are below the letters, so lower case leaves them alone. */
static bool
bytes_eq(const uint8_t *a, const uint8_t *b, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (gp_lower((char)a[i]) != gp_lower((char)b[i]))
			return false;
	return true;
}

bool
gp_dns_wire_eq(const struct gp_dns_wire_name *a,
    const struct gp_dns_wire_name *b)
{
	return a->n == b->n && bytes_eq(a->b, b->b, a->n);
}

bool
gp_dns_wire_within(const struct gp_dns_wire_name *name,
    const struct gp_dns_wire_name *zone)
{
	size_t at = 0;

	while (name->n - at > zone->n)
		at += 1U + name->b[at];
	return name->n - at == zone->n &&
	       bytes_eq(name->b + at, zone->b, zone->n);
}

void
gp_dns_wire_from_text(const char *text, struct gp_dns_wire_name *name)
{
	struct gp_str rest = gp_str(text);

	name->n = 0;
	while (rest.p != NULL) {
		const struct gp_str label = gp_str_split(&rest, '.');

		name->b[name->n++] = (uint8_t)label.n;
		memcpy(name->b + name->n, label.p, label.n);
		name->n += label.n;
	}
	name->b[name->n++] = 0;
}

const char *
gp_dns_wire_to_question(const struct gp_dns_wire_name *name,
    struct gp_arena *arena)
{
	char *text = gp_arena_strndup(arena, (const char *)name->b + 1,
	    name->n < 2 ? 0 : name->n - 2);
	size_t at = 0;

	while (name->b[at] != 0) {
		const struct gp_str label =
		    gp_str_n((const char *)name->b + at + 1, name->b[at]);

		if (gp_str_find(label, '.') != label.n ||
		    gp_str_find(label, '\0') != label.n)
			return NULL;
		if (at != 0)
			text[at - 1] = '.';
		at += 1 + label.n;
	}
	return gp_dns_name_valid(gp_str(text)) ? text : NULL;
}

static char *
label_show(char *to, const char *label, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const unsigned char c = (unsigned char)label[i];

		if (c == '.' || c == '\\') {
			*to++ = '\\';
			*to++ = label[i];
		} else if (c > 0x20 && c < 0x7f) {
			*to++ = label[i];
		} else {
			*to++ = '\\';
			*to++ = (char)('0' + c / 100);
			*to++ = (char)('0' + c / 10 % 10);
			*to++ = (char)('0' + c % 10);
		}
	}
	return to;
}

struct gp_str
gp_dns_wire_show(const struct gp_dns_wire_name *name, struct gp_arena *arena)
{
	char shown[GP_DNS_SHOWN_MAX];
	char *end = shown;

	for (size_t at = 0; name->b[at] != 0; at += 1U + name->b[at]) {
		if (at != 0)
			*end++ = '.';
		end = label_show(end, (const char *)name->b + at + 1,
		    name->b[at]);
	}
	return gp_arena_dup(arena, gp_str_n(shown, (size_t)(end - shown)));
}

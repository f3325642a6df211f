/*
 * logfmt: any bytes become one line of printable US-ASCII within its bound,
 * and a strict reader of that line finds the same fields with the same values
 * (or their beginnings, where the line says that it cut).
 *
 * Input: the id, then values, separated by 0xFF; the number of a field is its
 * key.
 */
#include "core/logfmt.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(what)                                                          \
	do {                                                                   \
		if (!(what)) {                                                 \
			(void)fprintf(stderr, "broken: %s\n", #what);          \
			abort();                                               \
		}                                                              \
	} while (0)

struct value {
	char p[GP_LOG_LINE_MAX];
	size_t n;
	bool cut;
};

/* Read one byte of a quoted value at *s. */
static char
read_quoted_byte(const char **s)
{
	const char *p = *s;
	char c = *p++;

	if (c == '\\' && *p == 'x') {
		int high = gp_hex_value(p[1]);
		int low = high < 0 ? -1 : gp_hex_value(p[2]);

		REQUIRE(low >= 0);
		c = (char)(high * 16 + low);
		REQUIRE(!gp_is_print(c));
		p += 3;
	} else if (c == '\\') {
		REQUIRE(*p == '\\' || *p == '"');
		c = *p++;
	} else {
		REQUIRE(gp_is_print(c));
	}
	*s = p;
	return c;
}

/* Read an escaped value that ends at `end` or at the end of the text. */
static const char *
read_value(const char *s, char end, struct value *v)
{
	*v = (struct value){ .n = 0 };
	if (*s != '"') {
		while (*s != end && *s != '\0') {
			REQUIRE(strchr(" \"\\=", *s) == NULL);
			v->p[v->n++] = *s++;
		}
		REQUIRE(v->n > 0);
		return s;
	}
	for (s++; *s != '"';)
		v->p[v->n++] = read_quoted_byte(&s);
	s++;
	v->cut = strncmp(s, "...", 3) == 0;
	return v->cut ? s + 3 : s;
}

static void
same(const struct value *got, struct gp_str want)
{
	REQUIRE(got->cut ? got->n < want.n : got->n == want.n);
	REQUIRE(got->n == 0 || memcmp(got->p, want.p, got->n) == 0);
	/* at most one escape, the quotes and the dots are lost to a cut */
	REQUIRE(!got->cut || want.n > 28);
}

static void
check_line(const struct gp_logline *l, const struct gp_str *fields, size_t n)
{
	const char *s = l->text;
	struct value v;
	size_t seen = 1;

	REQUIRE(l->n <= GP_LOG_LINE_MAX && l->n == strlen(l->text));
	for (size_t i = 0; i < l->n; i++)
		REQUIRE(gp_is_print(l->text[i]));
	/* a bare id may hold colons: the one before a blank ends it */
	if (*s == '"') {
		s = read_value(s, ':', &v);
		same(&v, fields[0]);
	} else {
		s += fields[0].n == 0 ? strlen("NOQUEUE") : fields[0].n;
	}
	REQUIRE(*s++ == ':');
	for (size_t last = 0; *s != '\0' && strcmp(s, " ...") != 0; seen++) {
		char *after;
		size_t key;

		REQUIRE(s[0] == ' ' && s[1] == 'k');
		key = strtoul(s + 2, &after, 10);
		REQUIRE(*after == '=' && key > last && key < n);
		s = read_value(after + 1, ' ', &v);
		same(&v, fields[key]);
		last = key;
	}
	REQUIRE(l->cut == (seen < n));
	REQUIRE(l->cut == (*s != '\0'));
}

static void
check_escape(struct gp_str value, size_t size)
{
	char out[256];
	struct value v;

	memset(out, '#', sizeof(out));
	(void)gp_log_escape(value, out, size);
	REQUIRE(out[size] == '#' && strlen(out) < size);
	if (out[0] == '\0')
		return;
	REQUIRE(*read_value(out, '\0', &v) == '\0');
	REQUIRE(v.cut ? v.n < value.n : v.n == value.n);
	REQUIRE(v.n == 0 || memcmp(v.p, value.p, v.n) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gp_str rest = gp_str_n((const char *)data, size);
	struct gp_str fields[32];
	struct gp_logline l;
	size_t n = 0;

	while (n < 32 && (n == 0 || rest.p != NULL))
		fields[n++] = gp_str_split(&rest, '\xff');
	gp_logline_start(&l, fields[0]);
	for (size_t i = 1; i < n; i++) {
		char key[24];

		(void)snprintf(key, sizeof(key), "k%zu", i);
		gp_logline_add(&l, key, fields[i]);
	}
	check_line(&l, fields, n);
	check_escape(gp_str_n((const char *)data, size),
	    1 + (size == 0 ? 0 : data[0] % 200));
	return 0;
}

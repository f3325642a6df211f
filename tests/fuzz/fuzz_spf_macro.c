/*
 * Macro strings against a second expander that knows no cleverness.
 *
 * Input: lines; the local part, the HELO name, the domain, and the macro
 * string with all that follows.
 */
#include "core/spf_macro.h"

#include "core/dnsmsg.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define PARTS_MAX 600
#define OUT_MAX   16384

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The value of a macro letter, written down independently. */
static void
value_of(char letter, const struct gp_spf_values *v, struct gp_buf *out)
{
	char text[GP_IP_TEXT];

	if (letter == 's')
		gp_buf_addf(out, "%.*s@%s", GP_STR_ARG(v->local),
		    v->sender_domain);
	else if (letter == 'l')
		gp_buf_add_str(out, v->local);
	else if (letter == 'o')
		gp_buf_adds(out, v->sender_domain);
	else if (letter == 'd')
		gp_buf_adds(out, v->domain);
	else if (letter == 'i' || letter == 'c')
		gp_buf_adds(out, gp_ip_format(&v->client, text));
	else if (letter == 'p')
		gp_buf_adds(out, v->validated);
	else if (letter == 'h')
		gp_buf_adds(out, v->helo);
	else if (letter == 'r')
		gp_buf_adds(out, v->receiver);
	else if (letter == 't')
		gp_buf_adds(out, "12345");
	else
		gp_buf_adds(out, "in-addr");
}

static void
escaped(struct gp_str s, bool upper, struct gp_buf *out)
{
	for (size_t i = 0; i < s.n; i++)
		if (!upper || gp_is_alnum(s.p[i]) || s.p[i] == '-' ||
		    s.p[i] == '.' || s.p[i] == '_' || s.p[i] == '~')
			gp_buf_addc(out, s.p[i]);
		else
			gp_buf_addf(out, "%%%02X", (unsigned)(uint8_t)s.p[i]);
}

/* Cut into a list, turn it round, take the last of it, join. */
static void
transform(struct gp_str value, const char *m, struct gp_buf *out)
{
	struct gp_str part[PARTS_MAX];
	bool cuts[256] = { false };
	size_t n = 0, digits = 0, wanted = 0;
	bool upper = m[0] >= 'A' && m[0] <= 'Z';
	bool reverse;

	for (m++; gp_is_digit(*m); m++, digits++)
		if (wanted < PARTS_MAX)
			wanted = wanted * 10 + (size_t)(*m - '0');
	if (digits == 0 || wanted > PARTS_MAX)
		wanted = PARTS_MAX;
	reverse = *m == 'r' || *m == 'R';
	if (reverse)
		m++;
	cuts['.'] = *m == '}';
	for (; *m != '}'; m++)
		cuts[(uint8_t)*m] = true;
	part[0] = gp_str_n(value.p, 0);
	for (size_t i = 0; i < value.n && n < PARTS_MAX - 1; i++)
		if (cuts[(uint8_t)value.p[i]])
			part[++n] = gp_str_n(value.p + i + 1, 0);
		else
			part[n].n++;
	n++;
	for (size_t i = 0; reverse && i < n / 2; i++) {
		struct gp_str t = part[i];

		part[i] = part[n - 1 - i];
		part[n - 1 - i] = t;
	}
	for (size_t i = n > wanted ? n - wanted : 0; i < n; i++) {
		escaped(part[i], upper, out);
		if (i + 1 < n)
			gp_buf_addc(out, '.');
	}
}

/* `s` ends in NUL and has passed the check. */
static void
oracle(const char *s, const struct gp_spf_values *v, struct gp_buf *out)
{
	struct gp_buf value;

	gp_buf_init(&value, OUT_MAX);
	for (; *s != '\0'; s++) {
		if (*s != '%') {
			gp_buf_addc(out, *s);
			continue;
		}
		s++;
		if (*s == '{') {
			gp_buf_reset(&value);
			value_of(gp_lower(s[1]), v, &value);
			if (value.n > 0)
				transform(gp_buf_str(&value), s + 1, out);
			s = strchr(s, '}');
		} else {
			gp_buf_adds(out, *s == '%'   ? "%"
					 : *s == '_' ? " "
						     : "%20");
		}
	}
	gp_buf_clear(&value);
}

static void
check_target(struct gp_str spec, const struct gp_spf_values *v,
    struct gp_str full)
{
	char name[GP_DOMAIN_TEXT];

	if (gp_spf_target_name(spec, v, name) != GP_OK)
		return;
	assert(gp_dns_name_valid(gp_str(name)));
	if (full.n > 0 && full.p[full.n - 1] == '.')
		full.n--;
	assert(full.n >= strlen(name));
	assert(memcmp(full.p + full.n - strlen(name), name, strlen(name)) == 0);
	assert(full.n == strlen(name) || full.n > GP_DOMAIN_MAX);
}

static void
run(struct gp_str spec, const struct gp_spf_values *v)
{
	struct gp_spf_uses uses;
	struct gp_buf got, wanted;
	struct gp_err err = { "" };

	if (gp_spf_macro_check(spec, GP_SPF_IN_TEXT, &uses, &err) != GP_OK) {
		assert(err.msg[0] != '\0');
		assert(gp_spf_domain_spec_check(spec, &uses, NULL) == GP_PERM);
		return;
	}
	gp_buf_init(&got, OUT_MAX);
	gp_buf_init(&wanted, OUT_MAX);
	gp_spf_macro_expand(spec, v, &got);
	oracle(spec.p, v, &wanted);
	assert(got.overflow == wanted.overflow);
	if (!got.overflow) {
		assert(gp_str_eq(gp_buf_str(&got), gp_buf_str(&wanted)));
		if (gp_spf_domain_spec_check(spec, &uses, NULL) == GP_OK)
			check_target(spec, v, gp_buf_str(&got));
	}
	gp_buf_clear(&got);
	gp_buf_clear(&wanted);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gp_spf_values v = { .now_s = 12345,
		.validated = "mail.example.org",
		.receiver = "mx.receiver.example" };
	struct gp_str line[4];
	struct gp_str rest;
	char *text;

	text = malloc(size + 1);
	assert(text != NULL);
	memcpy(text, data, size);
	text[size] = '\0';
	rest = gp_str_n(text, strlen(text));
	for (int i = 0; i < 3; i++) {
		line[i] = gp_str_split(&rest, '\n');
		if (line[i].p == NULL || rest.p == NULL || line[i].n > 512) {
			free(text);
			return 0;
		}
		text[line[i].p - text + (long)line[i].n] = '\0';
	}
	v.client = gp_ip_from_bytes((const uint8_t[]){ 192, 0, 2, 77 }, 4);
	v.local = line[0];
	v.helo = line[1].p;
	v.domain = v.sender_domain = line[2].p;
	run(rest, &v);
	free(text);
	return 0;
}

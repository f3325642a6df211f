/* The DKIM-Signature field as it is written: folded, and the same before and
 * after the signature is known. */
#include "core/dkim_sig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COLUMNS_MAX 77
#define NAMES       60
#define FIELD_MAX   65536

static uint8_t signature[1024];

/* Columns of the widest line of the field, a tab being eight. */
static size_t
widest(struct gp_str value)
{
	size_t column = sizeof(GP_DKIM_SIGNATURE ":") - 1, max = 0;

	for (size_t i = 0; i < value.n; i++) {
		if (value.p[i] == '\n')
			column = 0;
		else if (value.p[i] == '\t')
			column = (column / 8 + 1) * 8;
		else
			column++;
		if (column > max)
			max = column;
	}
	return max;
}

/* RFC 6376 3.7: the field with "the value of the b= tag deleted". */
static void
canonical(enum gp_dkim_canon canon, struct gp_str value, struct gp_buf *out)
{
	struct gp_field field = { .name = GP_STR(GP_DKIM_SIGNATURE),
		.value = value };

	gp_buf_reset(out);
	gp_dkim_canon_signature(canon, &field, out);
}

static void
check_same_but_for_b(struct gp_str empty, struct gp_str filled)
{
	struct gp_buf one, other;

	gp_buf_init(&one, FIELD_MAX);
	gp_buf_init(&other, FIELD_MAX);
	for (unsigned canon = 0; canon < 2; canon++) {
		canonical((enum gp_dkim_canon)canon, empty, &one);
		canonical((enum gp_dkim_canon)canon, filled, &other);
		assert_true(one.n > 0);
		assert_string_equal(gp_buf_cstr(&one), gp_buf_cstr(&other));
	}
	/* and by looking at it: b= is last, and what grew is its value */
	assert_true(filled.n > empty.n);
	assert_memory_equal(empty.p, filled.p, empty.n);
	assert_memory_equal(empty.p + empty.n - 2, "b=", 2);
	for (size_t i = empty.n; i < filled.n; i++)
		assert_true(gp_is_alnum(filled.p[i]) ||
			    strchr("+/=\n\t", filled.p[i]) != NULL);
	gp_buf_clear(&one);
	gp_buf_clear(&other);
}

static void
check_read_back(const struct gp_dkim_draft *d, struct gp_str text, size_t n)
{
	struct gp_arena *arena = gp_arena_new();
	struct gp_dkim_sig sig;

	assert_int_equal(gp_dkim_sig_parse(text, arena, &sig, NULL), GP_OK);
	assert_string_equal(sig.domain, d->domain);
	assert_string_equal(sig.identity, d->domain);
	assert_string_equal(sig.selector, d->selector);
	assert_int_equal(sig.algorithm, d->algorithm);
	assert_int_equal(sig.header_canon, d->header_canon);
	assert_int_equal(sig.body_canon, d->body_canon);
	assert_true(sig.has_time);
	assert_int_equal(sig.time_s, d->time_s);
	assert_int_equal(sig.has_expiry, d->expiry_s != 0);
	assert_int_equal(sig.expiry_s, d->expiry_s);
	assert_false(sig.has_length);
	assert_int_equal(sig.n_headers, d->n_headers);
	for (size_t i = 0; i < d->n_headers; i++)
		assert_true(gp_str_eq(sig.headers[i], d->headers[i]));
	assert_memory_equal(sig.body_hash, d->body_hash, sizeof(d->body_hash));
	assert_int_equal(sig.signature_n, n);
	assert_memory_equal(sig.signature, signature, n);
	gp_arena_free(arena);
}

/* Write it empty and filled, and check both. */
static void
check_draft(const struct gp_dkim_draft *d, size_t n)
{
	struct gp_buf empty, filled;

	gp_buf_init(&empty, FIELD_MAX);
	gp_buf_init(&filled, FIELD_MAX);
	gp_dkim_sig_format(d, NULL, 0, &empty);
	gp_dkim_sig_format(d, signature, n, &filled);
	assert_int_equal(filled.p[0], ' ');
	assert_false(gp_is_space(filled.p[filled.n - 1]));
	check_read_back(d, gp_buf_str(&filled), n);
	check_same_but_for_b(gp_buf_str(&empty), gp_buf_str(&filled));
	assert_true(widest(gp_buf_str(&filled)) <= COLUMNS_MAX);
	gp_buf_clear(&empty);
	gp_buf_clear(&filled);
}

static void
dkim_sig_format_looks_like_this(void **state)
{
	static const struct gp_str names[] = { GP_STR("From"), GP_STR("From"),
		GP_STR("Subject"), GP_STR("To"), GP_STR("Cc"), GP_STR("Date"),
		GP_STR("Content-Transfer-Encoding") };
	struct gp_dkim_draft d = { .domain = "news.example.com",
		.selector = "n2026a",
		.algorithm = GP_DKIM_ED25519_SHA256,
		.header_canon = GP_DKIM_RELAXED,
		.body_canon = GP_DKIM_SIMPLE,
		.time_s = 1790000000,
		.expiry_s = 1790600000,
		.n_headers = sizeof(names) / sizeof(names[0]),
		.headers = names,
		.body_hash = "0123456789012345678901234567890" };
	struct gp_buf out;

	(void)state;
	gp_buf_init(&out, FIELD_MAX);
	gp_dkim_sig_format(&d,
	    (const uint8_t *)"not sixty-four octets, but "
			     "more than go on one line",
	    51, &out);
	assert_string_equal(gp_buf_cstr(&out),
	    " v=1; a=ed25519-sha256; c=relaxed/simple; d=news.example.com;\n"
	    "\ts=n2026a; t=1790000000; x=1790600000; "
	    "h=From:From:Subject:To:Cc:Date:\n"
	    "\tContent-Transfer-Encoding;\n"
	    "\tbh=MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MAA=;\n"
	    "\tb=bm90IHNpeHR5LWZvdXIgb2N0ZXRzLCBidXQgbW9yZSB0aGFuIGdvIG9uIG9u"
	    "ZSBs\n\taW5l");
	gp_buf_reset(&out);
	d.expiry_s = 0;
	gp_dkim_sig_format(&d, NULL, 0, &out);
	assert_null(strstr(gp_buf_cstr(&out), "x="));
	assert_null(strstr(gp_buf_cstr(&out), "l="));
	assert_null(strstr(gp_buf_cstr(&out), "z="));
	assert_null(strstr(gp_buf_cstr(&out), "i="));
	assert_string_equal(gp_buf_cstr(&out) + out.n - 4, "\n\tb=");
	gp_buf_clear(&out);
}

/* The line is filled to its last column, and no further. */
static void
dkim_sig_format_folds_at_the_last_column(void **state)
{
	static const struct gp_str from = GP_STR("From");
	static const struct {
		const char *domain;
		const char *first_line;
	} rows[] = {
		{ "exactly.fits.example.x",
		    " v=1; a=rsa-sha256; c=simple/simple; "
		    "d=exactly.fits.example.x;" },
		{ "exactly.fits.example.xx",
		    " v=1; a=rsa-sha256; c=simple/simple;" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct gp_dkim_draft d = { .domain = rows[i].domain,
			.selector = "s",
			.n_headers = 1,
			.headers = &from };
		struct gp_buf out;
		struct gp_str line;

		gp_buf_init(&out, FIELD_MAX);
		gp_dkim_sig_format(&d, NULL, 0, &out);
		line = gp_buf_str(&out);
		line.n = gp_str_find(line, '\n');
		if (!gp_str_eq(line, gp_str(rows[i].first_line)))
			fail_msg("row: %s: %.*s", rows[i].domain,
			    GP_STR_ARG(line));
		gp_buf_clear(&out);
	}
}

/* -- any draft ----------------------------------------------------------- */

static uint32_t seed;

static unsigned
pick(unsigned n)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % n;
}

static void
random_word(char *out, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		out[i] = (char)('a' + pick(26));
	out[n] = '\0';
}

struct random_draft {
	struct gp_dkim_draft d;
	struct gp_str headers[NAMES];
	char names[NAMES][72];
	char domain[80], selector[72];
};

static void
make_draft(struct random_draft *r)
{
	random_word(r->selector, 1 + pick(54));
	snprintf(r->domain, sizeof(r->domain), "%s.example", r->selector);
	random_word(r->selector, 1 + pick(63));
	for (size_t i = 0; i < NAMES; i++) {
		random_word(r->names[i], 1 + pick(65));
		r->headers[i] = gp_str(r->names[i]);
	}
	r->headers[0] = GP_STR("From");
	r->d = (struct gp_dkim_draft){ .domain = r->domain,
		.selector = r->selector,
		.algorithm =
		    pick(2) ? GP_DKIM_RSA_SHA256 : GP_DKIM_ED25519_SHA256,
		.header_canon = pick(2) ? GP_DKIM_SIMPLE : GP_DKIM_RELAXED,
		.body_canon = pick(2) ? GP_DKIM_SIMPLE : GP_DKIM_RELAXED,
		.time_s = pick(1000000),
		.n_headers = 1 + pick(NAMES),
		.headers = r->headers };
	r->d.expiry_s = pick(2) ? r->d.time_s + 1 + pick(1000) : 0;
	for (size_t i = 0; i < sizeof(r->d.body_hash); i++)
		r->d.body_hash[i] = (uint8_t)pick(256);
}

static void
dkim_sig_format_is_read_back_whatever_it_is(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(signature); i++)
		signature[i] = (uint8_t)pick(256);
	for (seed = 1; seed < 2000; seed++) {
		uint32_t row = seed;
		struct random_draft r;

		make_draft(&r);
		check_draft(&r.d, 1 + pick(sizeof(signature)));
		seed = row;
	}
}

/* A domain has no place for a fold: the line is as long as it must be. */
static void
dkim_sig_format_keeps_long_names_whole(void **state)
{
	static const struct gp_str from = GP_STR("From");
	struct gp_dkim_draft d = { .selector = "s",
		.n_headers = 1,
		.headers = &from };
	char domain[GP_DOMAIN_TEXT];
	struct gp_buf out;

	(void)state;
	memset(domain, 'a', GP_DOMAIN_MAX);
	for (unsigned i = 60; i < GP_DOMAIN_MAX; i += 60)
		domain[i] = '.';
	domain[GP_DOMAIN_MAX] = '\0';
	d.domain = domain;
	gp_buf_init(&out, FIELD_MAX);
	gp_dkim_sig_format(&d, signature, 256, &out);
	check_read_back(&d, gp_buf_str(&out), 256);
	assert_non_null(strstr(gp_buf_cstr(&out), domain));
	assert_int_equal(widest(gp_buf_str(&out)),
	    8 + sizeof("d=;") - 1 + GP_DOMAIN_MAX);
	gp_buf_clear(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dkim_sig_format_looks_like_this),
		cmocka_unit_test(dkim_sig_format_folds_at_the_last_column),
		cmocka_unit_test(dkim_sig_format_is_read_back_whatever_it_is),
		cmocka_unit_test(dkim_sig_format_keeps_long_names_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

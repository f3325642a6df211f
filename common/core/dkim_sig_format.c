/* See dkim_sig.h.  Writing. */
#include "core/dkim_sig.h"

#include "base/base64.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define COLUMNS_MAX 77 /* columns */
#define TAB_COLUMNS 8
/* Octets of b= on one line: 64 characters behind the tab and "b=". */
#define LINE_BYTES 48

struct writer {
	struct gp_buf *out;
	size_t column;
};

static void
add(struct writer *w, struct gp_str s)
{
	gp_buf_add_str(w->out, s);
	w->column += s.n;
}

static void
fold(struct writer *w)
{
	gp_buf_adds(w->out, "\n\t");
	w->column = TAB_COLUMNS;
}

/* White space that n octets still fit behind. */
static void
space(struct writer *w, size_t n)
{
	if (w->column + 1 + n > COLUMNS_MAX)
		fold(w);
	else
		add(w, GP_STR(" "));
}

static void
add_tag(struct writer *w, const char *name, const char *value)
{
	space(w, strlen(name) + strlen(value) + 2);
	add(w, gp_str(name));
	add(w, GP_STR("="));
	add(w, gp_str(value));
	add(w, GP_STR(";"));
}

static void
add_time(struct writer *w, const char *name, int64_t seconds)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%" PRId64, seconds);
	add_tag(w, name, text);
}

static const char *
canons(const struct gp_dkim_draft *d)
{
	static const char *const names[2][2] = {
		[GP_DKIM_SIMPLE] = {
			[GP_DKIM_SIMPLE] = "simple/simple",
			[GP_DKIM_RELAXED] = "simple/relaxed",
		},
		[GP_DKIM_RELAXED] = {
			[GP_DKIM_SIMPLE] = "relaxed/simple",
			[GP_DKIM_RELAXED] = "relaxed/relaxed",
		},
	};

	return names[d->header_canon][d->body_canon];
}

/* h= may be folded at its colons. */
static void
add_headers(struct writer *w, const struct gp_dkim_draft *d)
{
	for (size_t i = 0; i < d->n_headers; i++) {
		if (i == 0) {
			space(w, d->headers[i].n + 3);
			add(w, GP_STR("h="));
		} else if (w->column + d->headers[i].n + 1 > COLUMNS_MAX) {
			fold(w);
		}
		add(w, d->headers[i]);
		add(w, i + 1 < d->n_headers ? GP_STR(":") : GP_STR(";"));
	}
}

static void
add_body_hash(struct writer *w, const struct gp_dkim_draft *d)
{
	struct gp_buf text;

	gp_buf_init(&text, (size_t)GP_DKIM_HASH_BYTES * 2);
	gp_base64_encode(d->body_hash, GP_DKIM_HASH_BYTES, &text);
	add_tag(w, "bh", gp_buf_cstr(&text));
	gp_buf_clear(&text);
}

void
gp_dkim_sig_format(const struct gp_dkim_draft *d, const uint8_t *b, size_t n,
    struct gp_buf *out)
{
	struct writer w = { out, sizeof(GP_DKIM_SIGNATURE ":") - 1 };

	add_tag(&w, "v", "1");
	add_tag(&w, "a", gp_dkim_algorithm_name(d->algorithm));
	add_tag(&w, "c", canons(d));
	add_tag(&w, "d", d->domain);
	add_tag(&w, "s", d->selector);
	add_time(&w, "t", d->time_s);
	if (d->expiry_s != 0)
		add_time(&w, "x", d->expiry_s);
	add_headers(&w, d);
	add_body_hash(&w, d);
	/* on a line of its own whatever its length, so that the rest of the
	 * field is the same before and after it is known */
	fold(&w);
	add(&w, GP_STR("b="));
	for (size_t i = 0; i < n; i += LINE_BYTES) {
		if (i > 0)
			fold(&w);
		gp_base64_encode(b + i, n - i < LINE_BYTES ? n - i : LINE_BYTES,
		    out);
	}
}

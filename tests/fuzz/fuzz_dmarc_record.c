/* A record that is accepted, written by us from what was read, is read as the
 * same one; and what every accepted one has. */
#include "base/buf.h"
#include "core/dmarc_record.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
write_request(struct gp_buf *out, const char *tag, enum gp_dmarc_request r)
{
	if (r != GP_DMARC_ABSENT)
		gp_buf_addf(out, "; %s=%s", tag, gp_dmarc_request_name(r));
}

static void
write_record(const struct gp_dmarc_record *r, struct gp_buf *out)
{
	gp_buf_adds(out, "v=DMARC1");
	write_request(out, "p", r->p);
	write_request(out, "sp", r->sp);
	write_request(out, "np", r->np);
	if (r->invalid)
		gp_buf_adds(out, r->p == GP_DMARC_ABSENT ? "; p=" : "; sp=?");
	if (r->invalid_np)
		gp_buf_adds(out, "; np=?");
	gp_buf_addf(out, "; adkim=%c;aspf=%c;t=%c", r->strict_dkim ? 's' : 'r',
	    r->strict_spf ? 's' : 'r', r->testing ? 'y' : 'n');
	gp_buf_addf(out, "; psd=%c", "uny"[r->psd]);
	if (r->rua.n > 0)
		gp_buf_addf(out, "; rua=%.*s", GP_STR_ARG(r->rua));
}

static void
check_same(const struct gp_dmarc_record *a, const struct gp_dmarc_record *b)
{
	assert(a->p == b->p && a->sp == b->sp && a->np == b->np);
	assert(a->invalid == b->invalid && a->invalid_np == b->invalid_np);
	assert(a->strict_dkim == b->strict_dkim);
	assert(a->strict_spf == b->strict_spf);
	assert(a->testing == b->testing && a->psd == b->psd);
	assert(gp_str_eq(a->rua, b->rua) && a->has_rua == b->has_rua);
}

static void
check_accepted(struct gp_str text, const struct gp_dmarc_record *r)
{
	assert(text.n <= GP_DMARC_RECORD_MAX);
	assert(memmem(text.p, text.n, "DMARC1", 6) != NULL);
	assert(
	    !r->invalid || r->p == GP_DMARC_ABSENT || r->sp == GP_DMARC_ABSENT);
	assert(!r->invalid_np || r->np == GP_DMARC_ABSENT);
	assert(!r->has_rua || r->rua.n > 2);
	for (size_t i = 0; i < r->rua.n; i++)
		assert(r->rua.p[i] != ';' &&
		       (gp_is_print(r->rua.p[i]) || r->rua.p[i] == '\t'));
	assert(r->rua.n == 0 ||
	       (r->rua.p >= text.p && r->rua.p + r->rua.n <= text.p + text.n));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct gp_str text = gp_str_n((const char *)data, size);
	struct gp_dmarc_record r, again;
	struct gp_buf out;

	if (gp_dmarc_record_parse(text, &r) != GP_OK)
		return 0;
	check_accepted(text, &r);
	/* our own form may be a few octets longer than what was read */
	gp_buf_init(&out, GP_DMARC_RECORD_MAX + 256);
	write_record(&r, &out);
	assert(!out.overflow);
	if (gp_buf_str(&out).n <= GP_DMARC_RECORD_MAX) {
		assert(
		    gp_dmarc_record_parse(gp_buf_str(&out), &again) == GP_OK);
		check_same(&r, &again);
	}
	gp_buf_clear(&out);
	return 0;
}

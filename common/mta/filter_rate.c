/*
 * gatepost-rate - how fast our mail may leave, and who may send as whom.
 *
 *   MAIL        outbound: whose mail it is
 *   RCPT        inbound, and a bounce: enough seen; else count, and for
 *               another MTA: answer
 *   header      the From fields; the size
 *   body        the size
 *   EOM         answer, and what it cost is spent
 *
 * Which meters a message is charged at is in core/rate, who gets which answer
 * in mta/rate_gate.  There is no state but struct message.
 */
#include "mta/filter.h"

#include "mta/rate_gate.h"

struct message {
	struct gp_rate_gate *gate; /* NULL: nothing is limited */
	struct gp_header from;     /* its From fields alone */
	int64_t bytes;             /* of header and body, as they came */
};

/* ": " and the line end, which no event has */
#define FIELD_EXTRA 4

static void
rate_on_mail(struct gp_msg *m)
{
	struct message *rate = m->state;

	rate->gate = gp_rate_gate_begin(m);
}

static struct gp_verdict
rate_on_rcpt(struct gp_msg *m, const struct gp_addr *rcpt)
{
	struct message *rate = m->state;

	/* the MTA need not send the rest of what is not limited */
	return rate->gate == NULL ? gp_accept("not-limited")
	                          : gp_rate_gate_rcpt(rate->gate, m, rcpt);
}

static void
rate_on_header(struct gp_msg *m, struct gp_str name, struct gp_str value)
{
	struct message *rate = m->state;

	if (rate->gate == NULL)
		return;
	rate->bytes += (int64_t)(name.n + value.n) + FIELD_EXTRA;
	if (gp_str_eq_nocase(gp_str_trim(name), GP_STR("From")))
		gp_header_add(&rate->from, m->arena, name, value);
}

static void
rate_on_body(struct gp_msg *m, struct gp_str chunk)
{
	struct message *rate = m->state;

	rate->bytes += (int64_t)chunk.n;
}

static struct gp_verdict
rate_on_eom(struct gp_msg *m)
{
	struct message *rate = m->state;

	return rate->gate == NULL
	           ? gp_continue()
	           : gp_rate_gate_end(rate->gate, m, &rate->from, rate->bytes);
}

static void
rate_describe(const struct gp_msg *m, struct gp_logline *line)
{
	const struct message *rate = m->state;

	if (rate->gate != NULL)
		gp_rate_gate_describe(rate->gate, line);
}

static enum gp_rc
rate_open(const struct gp_opening *with, void **out,
    struct gp_problems *problems)
{
	struct gp_rate_own *own;
	enum gp_rc rc = gp_rate_open(with, &own, problems);

	*out = own;
	return rc;
}

static void
rate_close(void *own)
{
	gp_rate_close(own);
}

static void
rate_stop(void *own)
{
	gp_rate_stop(own);
}

static bool
rate_on_request(void *own, struct gp_str request, struct gp_buf *out)
{
	return gp_rate_request(own, request, out);
}

/* -- for `gatepost explain` --------------------------------------------- */

const struct gp_rate_gate *
gp_filter_rate_gate(const struct gp_msg *m)
{
	return ((const struct message *)m->state)->gate;
}

const struct gp_milter gp_filter_rate = {
	.name = "rate",
	.state_size = sizeof(struct message),
	.on_mail = rate_on_mail,
	.on_rcpt = rate_on_rcpt,
	.on_header = rate_on_header,
	.on_body = rate_on_body,
	.on_eom = rate_on_eom,
	.describe = rate_describe,
	.open = rate_open,
	.close = rate_close,
	.stop = rate_stop,
	.on_request = rate_on_request,
};

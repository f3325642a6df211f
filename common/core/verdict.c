/* See verdict.h. */
#include "core/verdict.h"

#include "core/limits.h"

struct gp_verdict
gp_continue(void)
{
	return (struct gp_verdict){ .action = GP_CONTINUE, .why = "none" };
}

struct gp_verdict
gp_accept(const char *why)
{
	return (struct gp_verdict){ .action = GP_ACCEPT, .why = why };
}

struct gp_verdict
gp_reject(const char *xcode, const char *text, const char *why)
{
	return (struct gp_verdict){ .action = GP_REJECT,
		.code = 550,
		.xcode = xcode,
		.text = text,
		.why = why,
		.disposition = GP_DO_REJECT };
}

struct gp_verdict
gp_tempfail(const char *xcode, const char *text, const char *why)
{
	return (struct gp_verdict){ .action = GP_TEMPFAIL,
		.code = 451,
		.xcode = xcode,
		.text = text,
		.why = why,
		.disposition = GP_DO_TEMPFAIL };
}

const char *
gp_disposition_name(enum gp_disposition d)
{
	switch (d) {
	case GP_DO_TAG:
		return "tag";
	case GP_DO_REJECT:
		return "reject";
	case GP_DO_TEMPFAIL:
		return "tempfail";
	case GP_DO_HOLD:
		return "hold";
	}
	return "unknown";
}

const char *
gp_action_name(enum gp_action action)
{
	switch (action) {
	case GP_CONTINUE:
		return "continue";
	case GP_ACCEPT:
		return "accept";
	case GP_REJECT:
		return "reject";
	case GP_TEMPFAIL:
		return "tempfail";
	}
	return "unknown";
}

void
gp_reply_text(struct gp_buf *out, const char *text)
{
	struct gp_str rest = gp_str_trim(gp_str(text));
	bool gap = false;

	/* white space is written before what follows it, so never at the end */
	for (size_t i = 0, n = 0; i < rest.n; i++) {
		char c = rest.p[i];

		if (gp_is_space(c)) {
			gap = true;
			continue;
		}
		if (n + (gap ? 2 : 1) > GP_REPLY_TEXT_MAX)
			return;
		if (gap)
			gp_buf_addc(out, ' ');
		if (!gp_is_print(c))
			c = '?';
		gp_buf_addc(out, c);
		n += gap ? 2 : 1;
		gap = false;
	}
}

unsigned
gp_disposition_severity(enum gp_disposition d)
{
	switch (d) {
	case GP_DO_TAG:
		return 0;
	case GP_DO_HOLD:
		return 1;
	case GP_DO_TEMPFAIL:
		return 2;
	case GP_DO_REJECT:
		break;
	}
	return 3;
}

/* What ctl.h offers besides output: policy, daemons, complaints. */
#include "ctl/ctl.h"

#include "core/domain.h"
#include "io/control_client.h"
#include "io/policy_file.h"

#include <stdarg.h>
#include <stdio.h>
#include <sysexits.h>

#define ANSWER_MS 10000

const char *const ctl_daemons[CTL_DAEMONS] = { "spf", "dkim", "dmarc", "rate" };

int
ctl_usage(const char *fmt, ...)
{
	va_list ap;

	(void)fputs("gatepost: ", stderr);
	va_start(ap, fmt);
	(void)vfprintf(stderr, fmt, ap);
	va_end(ap);
	(void)fputs("; see gatepost --help\n", stderr);
	return EX_USAGE;
}

int
ctl_fail(int code, const char *fmt, ...)
{
	va_list ap;

	(void)fputs("gatepost: ", stderr);
	va_start(ap, fmt);
	(void)vfprintf(stderr, fmt, ap);
	va_end(ap);
	(void)fputc('\n', stderr);
	return code;
}

void
ctl_say_lines(struct gp_str text)
{
	while (text.n > 0) {
		struct gp_str line = gp_str_split(&text, '\n');

		if (line.n > 0)
			(void)fprintf(stderr, "gatepost: %.*s\n",
			    GP_STR_ARG(line));
	}
}

int
ctl_load(const struct ctl *ctl, struct gp_config **out)
{
	struct gp_problems problems;
	enum gp_rc rc;

	gp_problems_init(&problems);
	rc = gp_policy_load(ctl->config, out, &problems);
	ctl_say_lines(gp_buf_str(&problems.text));
	gp_problems_clear(&problems);
	return rc == GP_OK ? 0 : EX_CONFIG;
}

int
ctl_domain(const char *word, char *out)
{
	struct gp_err err;

	if (gp_domain_normalize(gp_str(word), out, &err) == GP_OK)
		return 0;
	return ctl_usage("%s: %s", word, err.msg);
}

enum gp_rc
ctl_request(const struct ctl *ctl, const char *daemon, const char *request,
    struct gp_buf *answer, struct gp_err *err)
{
	char path[512];

	(void)snprintf(path, sizeof(path), "%s/%s/control.sock",
	    ctl->runtime_dir, daemon);
	return gp_control_ask(ctl->control != NULL ? ctl->control : path,
	    request, ANSWER_MS, answer, err);
}

int
ctl_ask(const struct ctl *ctl, const char *daemon, const char *request)
{
	static const int codes[] = {
		[GP_OK] = 0,
		[GP_NONE] = 1,
		[GP_TEMP] = EX_TEMPFAIL,
		[GP_PERM] = EX_NOPERM,
	};
	struct gp_buf answer;
	struct gp_err err;
	enum gp_rc rc;

	gp_buf_init(&answer, SIZE_MAX);
	rc = ctl_request(ctl, daemon, request, &answer, &err);
	if (rc == GP_OK)
		(void)fputs(gp_buf_cstr(&answer), stdout);
	else if (rc == GP_NONE)
		ctl_say_lines(gp_buf_str(&answer));
	else
		(void)ctl_fail(0, "%s", err.msg);
	gp_buf_clear(&answer);
	return codes[rc];
}

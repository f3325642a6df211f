/* gatepost explain: what would become of this message, and why? */
#include "ctl/explain.h"
#include "ctl/dns.h"

#include "io/log.h"

#include <sysexits.h>

static enum gp_rc
ask_rate(void *arg, const char *request, struct gp_buf *answer,
    struct gp_err *err)
{
	return ctl_request(arg, "rate", request, answer, err);
}

static void
print(const struct ctl *ctl, const struct gp_explain *x)
{
	struct gp_buf out;
	struct gp_json json;

	gp_buf_init(&out, SIZE_MAX);
	if (ctl->json) {
		json = ctl_json_begin(&out);
		gp_explain_json(x, &json);
		ctl_json_end(&json);
	} else {
		gp_explain_text(x, &out);
		ctl_print_text(gp_buf_str(&out));
	}
	gp_buf_clear(&out);
}

static int
judge(const struct ctl *ctl, const struct ctl_explain *e,
    const struct gp_config *config, struct gp_dns *dns)
{
	struct ctl own = *ctl;
	struct gp_explain_daemon daemon = { .ask = ask_rate, .arg = &own };
	struct gp_problems problems;
	struct gp_explain x;
	int code;

	gp_problems_init(&problems);
	if (gp_explain_open(&x, config, dns, &daemon, &problems) == GP_OK) {
		gp_explain_run(&x, &e->mail);
		print(ctl, &x);
		code = gp_explain_passes(&x) ? 0 : 1;
	} else {
		ctl_say_lines(gp_buf_str(&problems.text));
		code = EX_CONFIG;
	}
	gp_explain_close(&x);
	gp_problems_clear(&problems);
	return code;
}

static int
explain(const struct ctl *ctl, const struct ctl_args *args)
{
	struct ctl_explain e = { .arena = gp_arena_new() };
	struct gp_config *config = NULL;
	struct gp_dns *dns = NULL;
	int code = ctl_explain_read(&e, args);

	/* what the filters log of their trouble is in the answer */
	gp_log_open("gatepost", true, GP_LOG_ERROR);
	if (code == 0)
		code = ctl_load(ctl, &config);
	if (code == 0)
		code = ctl_dns_open(args, config, &dns);
	if (code == 0)
		code = judge(ctl, &e, config, dns);
	gp_dns_close(dns);
	gp_config_unref(config);
	gp_arena_free(e.arena);
	return code;
}

/* -- table -------------------------------------------------------------- */

static const struct ctl_option options[] = {
	{ "--from", "ADDRESS", "author: in place of From:, or of a message" },
	{ "--mail-from", "ADDRESS", "reverse-path, or <>" },
	{ "--client", "IP", "whom it comes from" },
	{ "--helo", "NAME", "what the client says it is" },
	{ "--auth", "LOGIN", "whom the MTA has authenticated" },
	{ "--listener", "NAME", "the MTA's {daemon_name}" },
	{ "--rcpt", "ADDRESS", "whom it is for; may be repeated" },
	CTL_DNS_OPTIONS,
	{ .name = NULL },
};

const struct ctl_command ctl_explain_commands[] = {
	{ "explain", "", 0, 0,
	    "what would become of the message on standard input, and why",
	    options, explain },
	{ .words = NULL },
};

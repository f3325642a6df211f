/*
 * Any order of events with any bytes: the session neither crashes nor leaks,
 * a broken one answers only tempfail, and effects exist only after an end of
 * message that goes on, deletions first and downwards.
 *
 * Input: events, each one byte of kind and a NUL-terminated text.
 */
#include "io/log.h"
#include "io/policy_file.h"
#include "mta/session.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

static struct gp_verdict
on_rcpt(struct gp_msg *m, const struct gp_addr *rcpt)
{
	(void)m;
	if (rcpt->domain != NULL && rcpt->domain[0] == 'r')
		return gp_reject("5.7.1", "no", "test");
	return gp_continue();
}

static struct gp_verdict
on_eom(struct gp_msg *m)
{
	struct gp_authres_result result = { .method = GP_STR("spf"),
		.result = GP_STR("none") };
	struct gp_authres ar = { .n = 1, .result = &result };

	gp_msg_drop_forged_authres(m);
	gp_msg_add_authres(m, &ar);
	if (m->sender.is_null)
		gp_msg_hold(m, "null");
	if (m->recipients == 0)
		return gp_reject("5.7.1", "nobody", "test");
	return gp_continue();
}

static const struct gp_milter milter = { .name = "spf",
	.state_size = 8,
	.on_rcpt = on_rcpt,
	.on_eom = on_eom };

static struct gp_app app;
static struct gp_env env;
static struct gp_config *config;

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct gp_problems problems;

	(void)argc;
	(void)argv;
	app.milter = &milter;
	memcpy(app.host, "mx.test", sizeof("mx.test"));
	/* not even errors: the fuzzer breaks a session each time */
	gp_log_open("fuzz", true, GP_LOG_ERROR);
	gp_problems_init(&problems);
	if (gp_policy_parse(GP_STR("authserv-id = \"mx.test\"\n"), "fuzz",
		&config, &problems) != GP_OK)
		abort();
	gp_problems_clear(&problems);
	env.config = config;
	return 0;
}

static void
check_effects(const struct gp_session *s, const struct gp_verdict *v)
{
	size_t n;
	const struct gp_effect *e = gp_session_effects(s, &n);

	if (v->action != GP_CONTINUE && n != 0)
		abort();
	for (size_t i = 1; i < n; i++) {
		if (e[i].kind < e[i - 1].kind)
			abort();
		if (e[i].kind == GP_EFFECT_DELETE &&
		    e[i].index >= e[i - 1].index)
			abort();
	}
}

static bool
one_event(struct gp_session *s, char kind, const char *text, bool broken)
{
	struct gp_verdict v = gp_continue();

	switch (kind) {
	case 'h':
		gp_session_helo(s, text);
		break;
	case 'm':
		gp_session_mail(s, text, NULL, false);
		break;
	case 'a':
		gp_session_mail(s, text, "login", true);
		break;
	case 'r':
		v = gp_session_rcpt(s, text);
		break;
	case 'A':
		gp_session_header(s, GP_AUTHRES_NAME, text);
		break;
	case 'H':
		gp_session_header(s, text, text);
		break;
	case 'n':
		gp_session_eoh(s);
		break;
	case 'b':
		gp_session_body(s, text, strlen(text));
		break;
	case 'e':
		gp_session_queue_id(s, text);
		v = gp_session_eom(s);
		check_effects(s, &v);
		break;
	case 'q':
		gp_session_abort(s);
		break;
	default:
		return broken;
	}
	if (broken && (kind == 'r' || kind == 'e') && v.action != GP_TEMPFAIL)
		abort();
	return broken || strcmp(v.why, "protocol-error") == 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct gp_connect c = { .client = { .family = GP_IP_V4 },
		.mta_name = "mx.test" };
	struct gp_session *s = gp_session_new(&app, &env);
	bool broken = false;

	gp_session_connect(s, &c);
	while (size > 0) {
		char kind = (char)*data++;
		const uint8_t *end;
		char *text;
		size_t n;

		size--;
		end = size == 0 ? NULL : memchr(data, 0, size);
		n = end == NULL ? size : (size_t)(end - data);
		text = calloc(n + 1, 1);
		if (text == NULL)
			abort();
		if (n != 0)
			memcpy(text, data, n);
		broken = one_event(s, kind, text, broken);
		free(text);
		data += n;
		size -= n;
		if (size > 0) {
			data++;
			size--;
		}
	}
	gp_session_free(s);
	return 0;
}

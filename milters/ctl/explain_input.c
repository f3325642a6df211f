/* See explain.h. */
#include "ctl/explain.h"

#include "core/mailbox.h"
#include "io/clock.h"

#include <errno.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#define NOBODY "recipient@example.invalid"

/* -- reading ------------------------------------------------------------ */

static int
read_message_text(struct gp_buf *out)
{
	char chunk[65536];
	ssize_t n;

	gp_buf_init(out, GP_MESSAGE_MAX + sizeof(chunk));
	do {
		n = read(STDIN_FILENO, chunk, sizeof(chunk));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return ctl_fail(EX_DATAERR, "standard input: %m");
		gp_buf_add(out, chunk, (size_t)n);
		if (out->n > GP_MESSAGE_MAX)
			return ctl_fail(EX_DATAERR,
			    "standard input: more than %zu octets",
			    (size_t)GP_MESSAGE_MAX);
	} while (n != 0);
	return 0;
}

/* -- the message -------------------------------------------------------- */

static void
assume(struct ctl_explain *e, const char *clause)
{
	e->assumed[e->mail.assumed.n++] = clause;
}

/* RFC 5322 section 3.3. */
static const char *
date_now(struct gp_arena *arena)
{
	const time_t now = (time_t)gp_clock_wall_s();
	struct tm tm;
	char text[64];

	(void)gmtime_r(&now, &tm);
	(void)strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S +0000", &tm);
	return gp_arena_strdup(arena, text);
}

/* A message of which only the author is known. */
static struct gp_str
made_up(struct ctl_explain *e, const char *from)
{
	const char *at = strrchr(from, '@');
	const char *domain = at == NULL ? "example.invalid" : at + 1;

	return gp_str(gp_arena_printf(e->arena,
	    "From: %s\nTo: %s\nDate: %s\nMessage-ID: <explain@%.*s>\n"
	    "Subject: explain\n\n",
	    from, e->rcpts[0], date_now(e->arena), (int)strcspn(domain, "> \t"),
	    domain));
}

/* The From: field that was asked for in place of those that are there. */
static void
replace_from(struct ctl_explain *e, const char *from)
{
	const struct gp_str name = GP_STR("From");

	while (gp_message_find(&e->message, name).p != NULL)
		gp_message_delete(&e->message, name, 1);
	gp_message_insert(&e->message, e->arena, name,
	    gp_str(gp_arena_printf(e->arena, " %s", from)));
}

/* What stands on standard input, or, where that is nothing, of --from. */
static int
find_text(struct ctl_explain *e, const char *from, struct gp_buf *text)
{
	int code = 0;

	if (isatty(STDIN_FILENO) != 1)
		code = read_message_text(text);
	if (code != 0 || text->n > 0)
		return code;
	if (from == NULL)
		return ctl_usage("explain: expected a message on standard "
				 "input, or --from");
	assume(e, "a message of five fields: none was given");
	gp_buf_clear(text);
	gp_buf_init(text, GP_MESSAGE_MAX);
	gp_buf_add_str(text, made_up(e, from));
	return 0;
}

static int
read_message(struct ctl_explain *e, const char *from)
{
	struct gp_buf text;
	struct gp_err err;
	int code;

	gp_buf_init(&text, 0);
	code = find_text(e, from, &text);
	if (code == 0 && gp_message_parse(gp_buf_str(&text), e->arena,
			     &e->message, &err) != GP_OK)
		code = ctl_fail(EX_DATAERR, "message: %s", err.msg);
	if (code == 0 && from != NULL)
		replace_from(e, from);
	gp_buf_clear(&text);
	return code;
}

/* -- the envelope ------------------------------------------------------- */

static const char *
in_brackets(struct gp_arena *arena, const char *address)
{
	return address[0] == '<' ? address
	                         : gp_arena_printf(arena, "<%s>", address);
}

/* The first address of this field; NULL: none that can be read. */
static const char *
first_address(const struct ctl_explain *e, const char *field)
{
	struct gp_str value = gp_message_find(&e->message, gp_str(field));
	struct gp_mailboxes all;

	if (value.p == NULL ||
	    gp_mailboxes_parse(value, e->arena, &all, NULL) != GP_OK)
		return NULL;
	return gp_arena_printf(e->arena, "<%.*s@%s>",
	    GP_STR_ARG(all.v[0].local), all.v[0].domain);
}

static void
find_sender(struct ctl_explain *e, const char *given)
{
	const struct gp_str path =
	    gp_message_find(&e->message, GP_STR("Return-Path"));
	struct gp_addr addr;

	if (given != NULL) {
		e->mail.mail_from = in_brackets(e->arena, given);
		return;
	}
	if (path.p != NULL &&
	    gp_addr_parse(path, false, e->arena, &addr, NULL) == GP_OK) {
		assume(e, "MAIL FROM as in Return-Path");
		e->mail.mail_from = in_brackets(e->arena,
		    gp_arena_strndup(e->arena, path.p, path.n));
		return;
	}
	e->mail.mail_from = first_address(e, "From");
	assume(e, e->mail.mail_from != NULL ? "MAIL FROM as in From:"
					    : "MAIL FROM <>");
	if (e->mail.mail_from == NULL)
		e->mail.mail_from = "<>";
}

static int
take_rcpts(struct ctl_explain *e, const struct ctl_args *args)
{
	const char *rcpt;
	size_t i = 0;

	while ((rcpt = ctl_next_option(args, "--rcpt", &i)) != NULL) {
		if (rcpt[0] == '\0')
			return ctl_usage("--rcpt: expected an address");
		e->rcpts[e->mail.n_rcpts++] = in_brackets(e->arena, rcpt);
	}
	e->mail.rcpts = e->rcpts;
	return 0;
}

static void
find_rcpt(struct ctl_explain *e)
{
	const char *to = first_address(e, "To");

	if (e->mail.n_rcpts > 0)
		return;
	assume(e,
	    to != NULL ? "the recipient as in To:" : "the recipient " NOBODY);
	e->rcpts[0] = to != NULL ? to : "<" NOBODY ">";
	e->mail.n_rcpts = 1;
}

static int
take_client(struct ctl_explain *e, const struct ctl_args *args)
{
	const char *client = ctl_option(args, "--client");
	struct gp_connect *c = &e->mail.connect;

	e->mail.login = ctl_option(args, "--auth");
	c->daemon_name = ctl_option(args, "--listener");
	if (client != NULL && gp_ip_parse(gp_str(client), &c->client) != GP_OK)
		return ctl_usage("--client: %s: expected an IP address",
		    client);
	c->local =
	    client == NULL && e->mail.login == NULL && c->daemon_name == NULL;
	e->mail.helo = ctl_option(args, "--helo");
	if (c->local)
		assume(e, "mail of this host, as by sendmail(1): no --client, "
			  "--auth or --listener was given");
	if (e->mail.helo == NULL && client != NULL) {
		assume(e, "HELO is the client's address");
		e->mail.helo = gp_arena_printf(e->arena,
		    c->client.family == GP_IP_V6 ? "[IPv6:%s]" : "[%s]",
		    client);
	}
	if (e->mail.helo == NULL)
		e->mail.helo = "";
	return 0;
}

/* What becomes part of a line of the protocol or of the header. */
static int
check_words(const struct ctl_args *args)
{
	for (size_t i = 0; i < args->n_options; i++) {
		const char *value = args->options[i].value;

		if (value != NULL && strpbrk(value, "\r\n") != NULL)
			return ctl_usage("%s: expected one line",
			    args->options[i].option->name);
	}
	return 0;
}

int
ctl_explain_read(struct ctl_explain *e, const struct ctl_args *args)
{
	const char *from = ctl_option(args, "--from");
	int code = check_words(args);

	e->mail.assumed.v = e->assumed;
	e->mail.message = &e->message;
	if (code == 0)
		code = take_rcpts(e, args);
	if (code == 0)
		code = take_client(e, args);
	if (e->mail.n_rcpts == 0)
		e->rcpts[0] = "<" NOBODY ">"; /* of a message made up */
	if (code == 0)
		code = read_message(e, from);
	if (code != 0)
		return code;
	find_rcpt(e);
	find_sender(e, ctl_option(args, "--mail-from"));
	return 0;
}

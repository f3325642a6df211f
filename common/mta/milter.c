/*
 * libmilter's callbacks as events of a session.
 *
 * See glue.h; main.c has the life of the daemon.
 */
#include "mta/glue.h"

#include "base/xalloc.h"
#include "io/daemon.h"
#include "io/log.h"

#include <libmilter/mfapi.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

/* Postfix sends a header field of up to 102,400 octets in one packet; with
 * the library's default of 65,535 the connection would be dropped. */
#define PACKET_MAX 262144

/* libmilter gives xxfi_connect no user pointer: the one mutable static. */
static struct gp_glue *glue;

/* One milter connection. */
struct conn {
	struct gp_env *env;
	struct gp_session *session; /* NULL until connect */
	bool leading_space;         /* values carry the space after the colon */
};

/* -- conversions ------------------------------------------------------- */

/* The reply's text in the form smfi_setreply() wants: '%' is doubled. */
static void
set_reply(SMFICTX *ctx, const struct gp_verdict *v)
{
	char code[16];
	char xcode[16];
	struct gp_buf text;
	struct gp_buf doubled;

	(void)snprintf(code, sizeof(code), "%d", v->code);
	(void)snprintf(xcode, sizeof(xcode), "%s", v->xcode);
	gp_buf_init(&text, GP_REPLY_TEXT_MAX);
	gp_buf_init(&doubled, (size_t)GP_REPLY_TEXT_MAX * 2);
	gp_reply_text(&text, v->text);
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] == '%')
			gp_buf_addc(&doubled, '%');
		gp_buf_addc(&doubled, text.p[i]);
	}
	gp_buf_addc(&doubled, '\0');
	if (smfi_setreply(ctx, code, xcode, doubled.p) != MI_SUCCESS)
		gp_log(GP_LOG_ERROR, "smfi_setreply refused \"%s\"", text.p);
	gp_buf_clear(&doubled);
	gp_buf_clear(&text);
}

static sfsistat
answer(SMFICTX *ctx, const struct gp_verdict *v)
{
	switch (v->action) {
	case GP_CONTINUE:
		return SMFIS_CONTINUE;
	case GP_ACCEPT:
		return SMFIS_ACCEPT;
	case GP_REJECT:
		set_reply(ctx, v);
		return SMFIS_REJECT;
	case GP_TEMPFAIL:
		break;
	}
	set_reply(ctx, v);
	return SMFIS_TEMPFAIL;
}

static const char *
macro(SMFICTX *ctx, const char *name)
{
	char writable[32];

	(void)snprintf(writable, sizeof(writable), "%s", name);
	return smfi_getsymval(ctx, writable);
}

static struct gp_ip
client_address(const _SOCK_ADDR *sa)
{
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;

	if (sa != NULL && sa->sa_family == AF_INET) {
		memcpy(&v4, sa, sizeof(v4));
		return gp_ip_from_bytes((const uint8_t *)&v4.sin_addr, 4);
	}
	if (sa != NULL && sa->sa_family == AF_INET6) {
		memcpy(&v6, sa, sizeof(v6));
		return gp_ip_from_bytes((const uint8_t *)&v6.sin6_addr, 16);
	}
	return (struct gp_ip){ .family = GP_IP_UNKNOWN };
}

/* -- callbacks --------------------------------------------------------- */

static struct gp_session *
enter(SMFICTX *ctx)
{
	const struct conn *c = smfi_getpriv(ctx);

	atomic_fetch_add(&glue->busy, 1);
	return c == NULL ? NULL : c->session;
}

static sfsistat
leave(sfsistat result)
{
	atomic_fetch_sub(&glue->busy, 1);
	return result;
}

static struct conn *
conn_new(SMFICTX *ctx)
{
	struct conn *c = gp_xcalloc(1, sizeof(*c));

	c->env = gp_service_take(glue->service);
	c->leading_space = true;
	if (smfi_setpriv(ctx, c) != MI_SUCCESS) {
		gp_service_release(c->env);
		free(c);
		return NULL;
	}
	return c;
}

/* Which macros, at which stage: so nobody edits the MTA's own lists, and none
 * is sent that is not read. */
static void
ask_for_macros(SMFICTX *ctx)
{
	static const struct {
		int stage;
		const char *names;
	} wanted[] = {
		{ SMFIM_CONNECT, "j v {daemon_name} {client_port}" },
		{ SMFIM_HELO, "j" },
		{ SMFIM_ENVFROM, "i {auth_authen} {verify} {mail_addr}" },
		{ SMFIM_ENVRCPT, "i {rcpt_mailer} {rcpt_addr}" },
		{ SMFIM_DATA, "i" },
		{ SMFIM_EOH, "i" },
		{ SMFIM_EOM, "i" },
	};

	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		char names[64];

		(void)snprintf(names, sizeof(names), "%s", wanted[i].names);
		(void)smfi_setsymlist(ctx, wanted[i].stage, names);
	}
}

/* What the MTA need not send, and where it need not wait for us; libmilter
 * replies for us to an MTA that does not know of the latter. */
static unsigned long
protocol_wanted(const struct gp_milter *m)
{
	unsigned long p = SMFIP_NOUNKNOWN | SMFIP_NODATA | SMFIP_NR_CONN |
	                  SMFIP_NR_HELO | SMFIP_NR_MAIL | SMFIP_NR_HDR |
	                  SMFIP_NR_EOH | SMFIP_NR_BODY | SMFIP_HDR_LEADSPC;

	if (m->on_rcpt == NULL)
		p |= SMFIP_NR_RCPT;
	if (m->on_eoh == NULL)
		p |= SMFIP_NOEOH;
	if (m->on_body == NULL)
		p |= SMFIP_NOBODY;
	return p;
}

static sfsistat
on_negotiate(SMFICTX *ctx, unsigned long actions, unsigned long protocol,
    unsigned long f2, unsigned long f3, unsigned long *out_actions,
    unsigned long *out_protocol, unsigned long *out2, unsigned long *out3)
{
	const unsigned long needed = SMFIF_ADDHDRS | SMFIF_CHGHDRS;
	struct conn *c = conn_new(ctx);

	(void)f2;
	(void)f3;
	if (c == NULL || (actions & needed) != needed) {
		gp_log(GP_LOG_ERROR,
		    "the MTA does not let a filter add and change fields");
		return SMFIS_REJECT;
	}
	*out_actions =
	    needed | (actions & (SMFIF_QUARANTINE | SMFIF_SETSYMLIST));
	/* what is not offered an older MTA sends, and the library ignores */
	*out_protocol =
	    protocol & protocol_wanted(gp_service_app(glue->service)->milter);
	*out2 = 0;
	*out3 = 0;
	c->leading_space = (protocol & SMFIP_HDR_LEADSPC) != 0;
	ask_for_macros(ctx);
	return SMFIS_CONTINUE;
}

/* Sendmail's {v} is its version alone, Postfix's begins with its name. */
static bool
is_sendmail(const char *version)
{
	return version != NULL && version[0] >= '0' && version[0] <= '9';
}

static sfsistat
/* NOLINTNEXTLINE(readability-non-const-parameter): libmilter's type */
on_connect(SMFICTX *ctx, char *name, _SOCK_ADDR *sa)
{
	/* after QUIT_NC there is a new session without a new negotiation */
	struct conn *c = smfi_getpriv(ctx);
	const char *port = macro(ctx, "{client_port}");
	const struct gp_connect facts = { .client = client_address(sa),
		.client_name = name,
		.daemon_name = macro(ctx, "{daemon_name}"),
		.mta_name = macro(ctx, "j"),
		.sendmail = is_sendmail(macro(ctx, "v")),
		/* sendmail(1): no address (Sendmail), port 0 (Postfix) */
		.local =
		    sa == NULL || (port != NULL && strcmp(port, "0") == 0) };

	(void)enter(ctx);
	if (c == NULL)
		c = conn_new(ctx);
	if (c != NULL && c->session == NULL) {
		c->session =
		    gp_session_new(gp_service_app(glue->service), c->env);
		gp_session_connect(c->session, &facts);
	}
	return leave(SMFIS_NOREPLY);
}

static sfsistat
on_helo(SMFICTX *ctx, char *helo)
{
	struct gp_session *s = enter(ctx);

	if (s != NULL)
		gp_session_helo(s, helo == NULL ? "" : helo);
	return leave(SMFIS_NOREPLY);
}

static sfsistat
on_mail(SMFICTX *ctx, char **argv)
{
	struct gp_session *s = enter(ctx);
	const char *verify = macro(ctx, "{verify}");

	if (s != NULL) {
		gp_session_reading(s, macro(ctx, "{mail_addr}"));
		gp_session_mail(s, argv[0] == NULL ? "" : argv[0],
		    macro(ctx, "{auth_authen}"),
		    verify != NULL && strcmp(verify, "OK") == 0);
		gp_session_queue_id(s, macro(ctx, "i"));
	}
	return leave(SMFIS_NOREPLY);
}

static sfsistat
on_rcpt(SMFICTX *ctx, char **argv)
{
	const bool mute =
	    gp_service_app(glue->service)->milter->on_rcpt == NULL;
	struct gp_session *s = enter(ctx);
	struct gp_verdict v = gp_continue();

	if (s != NULL) {
		gp_session_queue_id(s, macro(ctx, "i"));
		gp_session_transport(s, macro(ctx, "{rcpt_mailer}"));
		gp_session_reading(s, macro(ctx, "{rcpt_addr}"));
		v = gp_session_rcpt(s, argv[0] == NULL ? "" : argv[0]);
	}
	if (mute)
		return leave(SMFIS_NOREPLY);
	return leave(s == NULL ? SMFIS_TEMPFAIL : answer(ctx, &v));
}

static sfsistat
on_header(SMFICTX *ctx, char *name, char *value)
{
	const struct conn *c = smfi_getpriv(ctx);
	struct gp_session *s = enter(ctx);
	struct gp_buf text;

	if (s != NULL && c->leading_space) {
		gp_session_header(s, name, value);
	} else if (s != NULL) {
		/* such an MTA takes one blank away, and puts it back */
		gp_buf_init(&text, SIZE_MAX);
		gp_buf_addc(&text, ' ');
		gp_buf_adds(&text, value);
		gp_session_header(s, name, gp_buf_cstr(&text));
		gp_buf_clear(&text);
	}
	return leave(SMFIS_NOREPLY);
}

static sfsistat
on_eoh(SMFICTX *ctx)
{
	struct gp_session *s = enter(ctx);

	if (s != NULL)
		gp_session_eoh(s);
	return leave(SMFIS_NOREPLY);
}

static sfsistat
on_body(SMFICTX *ctx, unsigned char *p, size_t n)
{
	struct gp_session *s = enter(ctx);

	if (s != NULL)
		gp_session_body(s, p, n);
	return leave(SMFIS_NOREPLY);
}

static int
apply(SMFICTX *ctx, const struct gp_effect *e, bool leading_space)
{
	char *name = gp_xstrdup(e->name);
	char *value = NULL;
	struct gp_buf text;
	int rc = MI_FAILURE;

	switch (e->kind) {
	case GP_EFFECT_DELETE:
		rc = smfi_chgheader(ctx, name, (int)e->index, NULL);
		break;
	case GP_EFFECT_INSERT:
		gp_buf_init(&text, GP_FIELD_MAX + 1);
		gp_buf_adds(&text, leading_space ? " " : "");
		gp_buf_adds(&text, e->value);
		value = gp_xstrdup(gp_buf_cstr(&text));
		gp_buf_clear(&text);
		rc = smfi_insheader(ctx, 0, name, value);
		break;
	case GP_EFFECT_HOLD:
		rc = smfi_quarantine(ctx, name);
		break;
	}
	free(value);
	free(name);
	return rc;
}

static sfsistat
on_eom(SMFICTX *ctx)
{
	struct gp_session *s = enter(ctx);
	const struct conn *c = smfi_getpriv(ctx);
	const struct gp_effect *effects;
	struct gp_verdict v;
	size_t n;

	if (s == NULL)
		return leave(SMFIS_TEMPFAIL);
	gp_session_queue_id(s, macro(ctx, "i"));
	v = gp_session_eom(s);
	effects = gp_session_effects(s, &n);
	for (size_t i = 0; i < n; i++) {
		if (apply(ctx, &effects[i], c->leading_space) == MI_SUCCESS)
			continue;
		gp_log(GP_LOG_ERROR, "%s: the MTA refused a change of %s",
		    s->msg->queue_id, effects[i].name);
		return leave(SMFIS_TEMPFAIL);
	}
	return leave(answer(ctx, &v));
}

static sfsistat
on_abort(SMFICTX *ctx)
{
	struct gp_session *s = enter(ctx);

	if (s != NULL)
		gp_session_abort(s);
	return leave(SMFIS_CONTINUE);
}

static sfsistat
on_close(SMFICTX *ctx)
{
	struct conn *c = smfi_getpriv(ctx);

	(void)enter(ctx);
	if (c != NULL) {
		(void)smfi_setpriv(ctx, NULL);
		gp_session_free(c->session);
		gp_service_release(c->env);
		free(c);
	}
	return leave(SMFIS_CONTINUE);
}

/* -- for main.c -------------------------------------------------------- */

struct gp_glue *
gp_glue(void)
{
	return glue;
}

int
gp_glue_open(struct gp_glue *g, const struct gp_options *o)
{
	const struct gp_milter *m = gp_service_app(g->service)->milter;
	char *name = gp_xstrdup(o->program);
	char *socket = gp_xstrdup(gp_service_socket(g->service));
	const char *path = gp_options_socket_path(socket);
	const struct smfiDesc description = { .xxfi_name = name,
		.xxfi_version = SMFI_VERSION,
		.xxfi_flags = SMFIF_ADDHDRS | SMFIF_CHGHDRS | SMFIF_QUARANTINE,
		.xxfi_connect = on_connect,
		.xxfi_helo = on_helo,
		.xxfi_envfrom = on_mail,
		.xxfi_envrcpt = on_rcpt,
		.xxfi_header = on_header,
		.xxfi_eoh = m->on_eoh == NULL ? NULL : on_eoh,
		.xxfi_body = m->on_body == NULL ? NULL : on_body,
		.xxfi_eom = on_eom,
		.xxfi_abort = on_abort,
		.xxfi_close = on_close,
		.xxfi_negotiate = on_negotiate };
	struct gp_err err;
	int code = 0;

	glue = g;
	if (path != NULL && gp_daemon_clear_socket(path, &err) != GP_OK) {
		(void)fprintf(stderr, "%s: %s\n", o->program, err.msg);
		code = EX_CONFIG;
		goto out;
	}
	(void)umask(0007);
	(void)smfi_setmaxdatasize(PACKET_MAX);
	if (smfi_register(description) != MI_SUCCESS ||
	    smfi_setconn(socket) != MI_SUCCESS ||
	    smfi_opensocket(false) != MI_SUCCESS) {
		(void)fprintf(stderr, "%s: can not listen on %s\n", o->program,
		    socket);
		code = EX_CONFIG;
	}
out:
	free(name); /* libmilter has copied both */
	free(socket);
	return code;
}

bool
gp_glue_run(void)
{
	return smfi_main() == MI_SUCCESS;
}

void
gp_glue_stop(void)
{
	(void)smfi_stop();
}

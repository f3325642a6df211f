/* Topic "tls": do our own ports offer it, and how long does the certificate
 * hold? */
#include "ctl/doctor.h"

#include "io/clock.h"
#include "io/tls_probe.h"

#include <stdio.h>
#include <string.h>

#define TOPIC      "tls"
#define TIMEOUT_MS 15000
#define DAY_S      86400
#define SOON_DAYS  14

/* -- findings ----------------------------------------------------------- */

/* A port, and whether passwords come by it. */
struct place {
	struct gp_tls_port port;
	bool submission;
};

static void
say_renew(struct doctor *d)
{
	gp_findings_remedy(d->findings,
	    "renew it (certbot renew), then postfix reload");
}

static void
find_dates(struct doctor *d, const char *place, const struct gp_tls_found *f)
{
	const int64_t now_s = gp_clock_wall_s();
	const long long days = (f->until_s - now_s) / DAY_S;

	if (f->until_s <= now_s) {
		gp_findings_add(d->findings, GP_RED, TOPIC, place,
		    "the certificate expired %lld days ago", -days);
		say_renew(d);
	} else if (f->from_s > now_s) {
		gp_findings_add(d->findings, GP_RED, TOPIC, place,
		    "the certificate is not valid before %lld days from now",
		    (long long)(f->from_s - now_s) / DAY_S + 1);
		gp_findings_remedy(d->findings,
		    "gatepost doctor --only clock, or another certificate");
	} else if (days < SOON_DAYS) {
		gp_findings_add(d->findings, GP_YELLOW, TOPIC, place,
		    "the certificate expires in %lld days", days);
		say_renew(d);
	} else {
		gp_findings_add(d->findings, GP_GREEN, TOPIC, place,
		    "offered; the certificate holds for %lld days", days);
	}
}

static void
find_certificate(struct doctor *d, const char *place,
    const struct gp_tls_found *f)
{
	if (f->dated) {
		find_dates(d, place, f);
		return;
	}
	if (strstr(f->why.msg, "no program") != NULL) {
		gp_findings_add(d->findings, GP_YELLOW, TOPIC, place,
		    "offered; the certificate was not looked at: %s",
		    f->why.msg);
		gp_findings_remedy(d->findings, "apt install openssl");
		return;
	}
	gp_findings_add(d->findings, GP_RED, TOPIC, place,
	    "offered, but it does not work: %s", f->why.msg);
	gp_findings_remedy(d->findings,
	    "postconf smtpd_tls_chain_files smtpd_tls_cert_file "
	    "smtpd_tls_key_file, and the mail log");
}

static void
find_clear(struct doctor *d, const struct place *p, const char *name)
{
	gp_findings_add(d->findings, p->submission ? GP_RED : GP_YELLOW, TOPIC,
	    name, "STARTTLS is not offered: %s",
	    p->submission ? "passwords come in clear"
			  : "mail to us comes in clear");
	gp_findings_remedy(d->findings,
	    "postconf -e smtpd_tls_security_level=may "
	    "'smtpd_tls_chain_files=KEY.pem, CERT.pem'\npostfix reload");
}

static void
find_port(struct doctor *d, const struct place *p)
{
	const char *name =
	    gp_arena_printf(d->arena, "%s:%u", p->port.host, p->port.port);
	struct gp_tls_found f;
	struct gp_err err = { .msg = "" };

	ctl_doctor_progress(name);
	if (gp_tls_probe(&p->port, &f, &err) != GP_OK) {
		gp_findings_add(d->findings,
		    d->mta == GP_OK ? GP_RED : GP_YELLOW, TOPIC, name, "%s",
		    err.msg);
		gp_findings_remedy(d->findings,
		    d->mta == GP_OK ? "postfix status, and the mail log"
				    : "gatepost doctor --smtp HOST:PORT");
	} else if (f.offered) {
		find_certificate(d, name, &f);
	} else {
		find_clear(d, p, name);
	}
}

/* -- which ports -------------------------------------------------------- */

/* "HOST:PORT", "[ADDR]:PORT" or "PORT"; false: not of that form. */
static bool
read_place(struct doctor *d, const char *text, const char *host,
    struct place *out)
{
	const char *colon = strrchr(text, ':');
	const char *digits = colon == NULL ? text : colon + 1;
	size_t n = colon == NULL ? 0 : (size_t)(colon - text);
	uint64_t port;

	if (gp_parse_u64(gp_str(digits), 65535, &port) != GP_OK || port == 0)
		return false;
	if (n > 2 && text[0] == '[' && text[n - 1] == ']') {
		text++;
		n -= 2;
	}
	out->port = (struct gp_tls_port){ .port = (unsigned)port,
		.host = n == 0 ? host : gp_arena_strndup(d->arena, text, n),
		.wrapped = port == 465,
		.timeout_ms = TIMEOUT_MS };
	out->submission = port == 465 || port == 587;
	return colon == NULL || n > 0;
}

/* Where Postfix listens, as seen from here. */
static const char *
own_host(struct doctor *d)
{
	const char *where = "";
	struct gp_str word;
	struct gp_ip ip;

	if (gp_postfix_get(&d->postfix, "inet_interfaces", &where, NULL) !=
	    GP_OK)
		return "127.0.0.1";
	word = gp_str_n(where, strcspn(where, ", "));
	return gp_ip_parse(word, &ip) == GP_OK
	           ? gp_arena_strndup(d->arena, word.p, word.n)
	           : "127.0.0.1";
}

/* The name of a service, "submission" or "192.0.2.1:587", with its port as a
 * number. */
static const char *
numbered(struct doctor *d, const char *service)
{
	static const char *const names[][2] = { { "smtp", "25" },
		{ "submission", "587" }, { "submissions", "465" },
		{ "smtps", "465" } };
	struct gp_str text = gp_str_n(service, strcspn(service, "/"));
	const char *name = gp_arena_strndup(d->arena, text.p, text.n);
	const char *colon = strrchr(name, ':');
	const char *port = colon == NULL ? name : colon + 1;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(port, names[i][0]) == 0)
			return gp_arena_printf(d->arena, "%.*s%s",
			    (int)(port - name), name, names[i][1]);
	return name;
}

static void
find_services(struct doctor *d)
{
	const struct gp_postfix_services *all = &d->postfix.services;
	const char *host = own_host(d);
	struct place place;

	for (size_t i = 0; i < all->n; i++) {
		const struct gp_postfix_service *s = &all->v[i];
		const enum gp_postfix_use use = gp_postfix_use(s);
		const char *wrapped =
		    gp_postfix_override_of(s, "smtpd_tls_wrappermode");

		if ((strcmp(s->command, "smtpd") != 0 &&
			strcmp(s->command, "postscreen") != 0) ||
		    !gp_str_ends_nocase(gp_str(s->name), GP_STR("/inet")) ||
		    use == GP_POSTFIX_OTHER ||
		    !read_place(d, numbered(d, s->name), host, &place))
			continue;
		place.port.wrapped =
		    wrapped != NULL && strcmp(wrapped, "yes") == 0;
		place.submission = use == GP_POSTFIX_SUBMISSION;
		find_port(d, &place);
	}
}

/* What leaves: large receivers refuse bulk mail that comes in clear. */
static void
find_outbound(struct doctor *d)
{
	const char *level = "";

	if (gp_postfix_get(&d->postfix, "smtp_tls_security_level", &level,
		NULL) != GP_OK ||
	    (*level != '\0' && strcmp(level, "none") != 0))
		return;
	gp_findings_add(d->findings, GP_YELLOW, TOPIC,
	    "smtp_tls_security_level", "mail leaves in clear");
	gp_findings_remedy(d->findings,
	    "postconf -e smtp_tls_security_level=may\npostfix reload");
}

int
ctl_doctor_read_ports(struct doctor *d)
{
	struct place place;
	const char *text;
	size_t i = 0;

	while ((text = ctl_next_option(d->args, "--smtp", &i)) != NULL)
		if (!read_place(d, text, "127.0.0.1", &place))
			return ctl_usage("--smtp: %s: expected HOST:PORT",
			    text);
	return 0;
}

void
ctl_doctor_tls(struct doctor *d)
{
	struct place place;
	const char *text;
	size_t i = 0;

	if (ctl_option(d->args, "--smtp") == NULL && d->mta == GP_OK) {
		find_services(d);
		find_outbound(d);
	} else if (ctl_option(d->args, "--smtp") == NULL &&
		   read_place(d, "25", "127.0.0.1", &place)) {
		find_port(d, &place);
	}
	while ((text = ctl_next_option(d->args, "--smtp", &i)) != NULL)
		if (read_place(d, text, "127.0.0.1", &place))
			find_port(d, &place);
}

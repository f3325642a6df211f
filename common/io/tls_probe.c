/* See tls_probe.h. */
#include "io/tls_probe.h"

#include "core/certificate.h"
#include "core/smtp_reply.h"
#include "io/run.h"
#include "io/stream.h"

#include <stdio.h>
#include <string.h>

#define REPLIES_MAX 65536
#define PLACE_MAX   320

/* -- the dialogue ------------------------------------------------------- */

/* The next reply, into *out; `in` keeps what was read of it. */
static enum gp_rc
hear(struct gp_stream *s, struct gp_buf *in, struct gp_smtp_reply *out,
    struct gp_err *err)
{
	enum gp_rc rc;

	gp_buf_reset(in);
	do {
		struct gp_str rest;

		rc = gp_stream_receive(s, in, err);
		if (rc != GP_OK)
			return rc == GP_NONE ? GP_TEMP : rc;
		rest = gp_buf_str(in);
		rc = gp_smtp_reply_take(&rest, out, err);
	} while (rc == GP_NONE);
	return rc;
}

static enum gp_rc
expect(struct gp_stream *s, struct gp_buf *in, unsigned code,
    struct gp_smtp_reply *out, struct gp_err *err)
{
	enum gp_rc rc = hear(s, in, out, err);
	struct gp_str rest = out->text;
	struct gp_str line;

	if (rc != GP_OK || out->code == code)
		return rc;
	line = gp_str_trim(gp_str_split(&rest, '\n'));
	return gp_fail(err, out->code < 500 ? GP_TEMP : GP_PERM,
	    "it says: %.*s", GP_STR_ARG(line));
}

static enum gp_rc
talk(struct gp_stream *s, struct gp_buf *in, bool *offered, struct gp_err *err)
{
	struct gp_smtp_reply reply = { .code = 0 };
	enum gp_rc rc = expect(s, in, 220, &reply, err);

	if (rc == GP_OK)
		rc = gp_stream_send(s,
		    GP_STR("EHLO gatepost-doctor.invalid\r\n"), err);
	if (rc == GP_OK)
		rc = expect(s, in, 250, &reply, err);
	if (rc != GP_OK)
		return rc;
	*offered = gp_smtp_reply_offers(&reply, GP_STR("STARTTLS"));
	/* the question is answered, whether it hears that or not */
	rc = gp_stream_send(s, GP_STR("QUIT\r\n"), NULL);
	return rc == GP_TEMP ? GP_OK : rc;
}

static enum gp_rc
ask_offer(const struct gp_tls_port *port, bool *offered, struct gp_err *err)
{
	char place[PLACE_MAX];
	struct gp_stream s;
	struct gp_buf in;
	enum gp_rc rc;

	(void)snprintf(place, sizeof(place), "inet:%u@%.256s", port->port,
	    port->host);
	rc = gp_stream_open(place, port->timeout_ms, &s, err);
	if (rc != GP_OK)
		return rc;
	gp_buf_init(&in, REPLIES_MAX);
	rc = talk(&s, &in, offered, err);
	gp_buf_clear(&in);
	gp_stream_close(&s);
	return rc;
}

/* -- the certificate ---------------------------------------------------- */

/* openssl(1) and what it prints, of which `err` has the last line if there is
 * no result. */
static enum gp_rc
call(const char *const *argv, const struct gp_tls_port *port,
    struct gp_str input, struct gp_run_result *r, struct gp_err *err)
{
	const struct gp_run what = { .argv = argv,
		.input = input,
		.timeout_ms = port->timeout_ms };
	enum gp_rc rc = gp_run(&what, r, err);

	if (rc == GP_NONE)
		(void)gp_fail(err, GP_NONE, "there is no program openssl");
	return rc;
}

static void
show_certificate(const struct gp_tls_port *port, struct gp_str pem,
    struct gp_tls_found *out)
{
	static const char *const argv[] = { "openssl", "x509", "-noout",
		"-startdate", "-enddate", "-dateopt", "iso_8601", NULL };
	struct gp_run_result r;

	if (call(argv, port, pem, &r, &out->why) == GP_OK) {
		out->dated = gp_certificate_dates(gp_buf_str(&r.out),
				 &out->from_s, &out->until_s) == GP_OK;
		if (!out->dated)
			(void)gp_fail(&out->why, GP_PERM,
			    "openssl x509 shows no dates");
	}
	gp_run_clear(&r);
}

static void
shake_hands(const struct gp_tls_port *port, struct gp_tls_found *out)
{
	const bool v6 = strchr(port->host, ':') != NULL;
	char place[PLACE_MAX];
	const char *argv[] = { "openssl", "s_client", "-connect", place,
		port->wrapped ? NULL : "-starttls", "smtp", NULL };
	struct gp_run_result r;
	struct gp_str pem;

	(void)snprintf(place, sizeof(place), "%s%.256s%s:%u", v6 ? "[" : "",
	    port->host, v6 ? "]" : "", port->port);
	if (call(argv, port, GP_STR(""), &r, &out->why) == GP_OK) {
		out->shook =
		    gp_certificate_pem(gp_buf_str(&r.out), &pem) == GP_OK;
		if (out->shook)
			show_certificate(port, pem, out);
		else
			(void)gp_fail(&out->why, GP_PERM,
			    "the handshake shows no certificate");
	}
	gp_run_clear(&r);
}

enum gp_rc
gp_tls_probe(const struct gp_tls_port *port, struct gp_tls_found *out,
    struct gp_err *err)
{
	char place[PLACE_MAX];
	struct gp_stream s;
	enum gp_rc rc;

	*out = (struct gp_tls_found){ .offered = port->wrapped };
	if (port->wrapped) {
		(void)snprintf(place, sizeof(place), "inet:%u@%.256s",
		    port->port, port->host);
		rc = gp_stream_open(place, port->timeout_ms, &s, err);
		if (rc == GP_OK)
			gp_stream_close(&s);
	} else {
		rc = ask_offer(port, &out->offered, err);
	}
	if (rc == GP_OK && out->offered)
		shake_hands(port, out);
	return rc;
}

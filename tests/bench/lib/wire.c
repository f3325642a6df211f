/* See wire.h. */
#include "wire.h"

#include "base/xalloc.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define OUT_MAX        ((size_t)256 << 20)
#define READ_SIZE      8192
#define LENGTH_BYTES   4
#define NEGOTIATED_MIN 12

/* The parts of "inet:PORT@HOST". */
static enum gp_rc
parse_inet(const char *spec, struct sockaddr_in *out, struct gp_err *err)
{
	struct gp_str host = gp_str(spec + 5);
	struct gp_str port = gp_str_split(&host, '@');
	uint64_t number;

	if (gp_parse_u64(port, UINT16_MAX, &number) != GP_OK)
		return gp_fail(err, GP_PERM, "%s: no port number", spec);
	if (!gp_str_eq(host, GP_STR("127.0.0.1")) &&
	    !gp_str_eq(host, GP_STR("localhost")))
		return gp_fail(err, GP_PERM,
		    "%s: only 127.0.0.1 and localhost are talked to", spec);
	memset(out, 0, sizeof *out);
	out->sin_family = AF_INET;
	out->sin_port = htons((uint16_t)number);
	out->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return GP_OK;
}

static enum gp_rc
parse_unix(const char *spec, struct sockaddr_un *out, struct gp_err *err)
{
	const char *path = spec + 5;

	if (strlen(path) >= sizeof out->sun_path)
		return gp_fail(err, GP_PERM, "%s: path too long", spec);
	memset(out, 0, sizeof *out);
	out->sun_family = AF_UNIX;
	memcpy(out->sun_path, path, strlen(path));
	return GP_OK;
}

static bool
is_kind(const char *spec, const char *kind)
{
	return strncmp(spec, kind, strlen(kind)) == 0;
}

enum gp_rc
ml_spec_valid(const char *spec, struct gp_err *err)
{
	struct sockaddr_in in;
	struct sockaddr_un un;

	if (is_kind(spec, "inet:"))
		return parse_inet(spec, &in, err);
	if (is_kind(spec, "unix:"))
		return parse_unix(spec, &un, err);
	return gp_fail(err, GP_PERM,
	    "%s: expected unix:PATH or inet:PORT@127.0.0.1", spec);
}

static enum gp_rc
dial(struct ml_conn *c, const char *spec, struct gp_err *err)
{
	bool is_inet = is_kind(spec, "inet:");
	struct sockaddr_in in;
	struct sockaddr_un un;
	enum gp_rc rc;
	int on = 1;

	rc = is_inet ? parse_inet(spec, &in, err) : parse_unix(spec, &un, err);
	if (rc != GP_OK)
		return rc;
	c->fd =
	    socket(is_inet ? AF_INET : AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		return gp_fail(err, GP_TEMP, "%s: socket: %m", spec);
	if (is_inet)
		(void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on,
		    sizeof on);
	if (connect(c->fd,
		is_inet ? (const struct sockaddr *)&in
			: (const struct sockaddr *)&un,
		is_inet ? sizeof in : sizeof un) != 0)
		return gp_fail(err, GP_TEMP, "%s: connect: %m", spec);
	return GP_OK;
}

void
ml_conn_init(struct ml_conn *c, size_t write_size)
{
	memset(c, 0, sizeof *c);
	c->fd = -1;
	c->write_size = write_size;
	gp_buf_init(&c->out, OUT_MAX);
}

void
ml_conn_close(struct ml_conn *c)
{
	size_t write_size = c->write_size;

	if (c->fd >= 0)
		(void)close(c->fd);
	for (int i = 0; i < ML_STAGES; i++)
		free(c->symbols[i]);
	free(c->in);
	gp_buf_clear(&c->out);
	ml_conn_init(c, write_size);
}

static void
put_u32(char *p, uint32_t v)
{
	uint32_t wire = htonl(v);

	memcpy(p, &wire, sizeof wire);
}

void
ml_conn_begin(struct ml_conn *c, char command)
{
	const char head[LENGTH_BYTES + 1] = { 0, 0, 0, 0, command };

	c->packet = c->out.n;
	gp_buf_add(&c->out, head, sizeof head);
}

void
ml_conn_string(struct ml_conn *c, const char *s)
{
	gp_buf_add(&c->out, s, strlen(s) + 1);
}

void
ml_conn_bytes(struct ml_conn *c, const void *p, size_t n)
{
	gp_buf_add(&c->out, p, n);
}

void
ml_conn_end(struct ml_conn *c)
{
	size_t n = c->out.n - c->packet - LENGTH_BYTES;

	put_u32(c->out.p + c->packet, (uint32_t)n);
}

void
ml_conn_cancel(struct ml_conn *c)
{
	c->out.n = c->packet;
}

enum gp_rc
ml_conn_flush(struct ml_conn *c, struct gp_err *err)
{
	size_t done = 0, piece;
	ssize_t sent;

	while (done < c->out.n) {
		piece = c->out.n - done;
		if (c->write_size != 0 && piece > c->write_size)
			piece = c->write_size;
		sent = send(c->fd, c->out.p + done, piece, MSG_NOSIGNAL);
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			return gp_fail(err, GP_TEMP, "write: %m");
		done += (size_t)sent;
	}
	gp_buf_reset(&c->out);
	return GP_OK;
}

/* Is there a whole packet?  GP_NONE: not yet. */
static enum gp_rc
unpack(struct ml_conn *c, struct ml_packet *out, struct gp_err *err)
{
	struct gp_str have = gp_str_n(c->in + c->in_pos, c->in_len - c->in_pos);
	uint32_t n;

	if (!ml_take_u32(&have, &n))
		return GP_NONE;
	if (n == 0 || n > ML_PACKET_MAX)
		return gp_fail(err, GP_PERM, "a packet of %u bytes", n);
	if (have.n < n)
		return GP_NONE;
	out->command = have.p[0];
	out->data = gp_str_n(have.p + 1, n - 1);
	c->in_pos += LENGTH_BYTES + (size_t)n;
	return GP_OK;
}

static enum gp_rc
fill(struct ml_conn *c, struct gp_err *err)
{
	ssize_t got;

	if (c->in != NULL && c->in_pos > 0) {
		c->in_len -= c->in_pos;
		memmove(c->in, c->in + c->in_pos, c->in_len);
		c->in_pos = 0;
	}
	if (c->in_cap - c->in_len < READ_SIZE) {
		c->in_cap = c->in_cap * 2 + READ_SIZE;
		c->in = gp_xrealloc(c->in, c->in_cap, 1);
	}
	do
		got = recv(c->fd, c->in + c->in_len, c->in_cap - c->in_len, 0);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return gp_fail(err, GP_TEMP, "read: %m");
	if (got == 0)
		return gp_fail(err, GP_TEMP,
		    "the filter closed the connection");
	c->in_len += (size_t)got;
	return GP_OK;
}

enum gp_rc
ml_conn_read(struct ml_conn *c, struct ml_packet *out, struct gp_err *err)
{
	enum gp_rc rc;

	while ((rc = c->in == NULL ? GP_NONE : unpack(c, out, err)) == GP_NONE)
		if ((rc = fill(c, err)) != GP_OK)
			return rc;
	return rc;
}

bool
ml_take_u32(struct gp_str *data, uint32_t *out)
{
	uint32_t wire;

	if (data->n < sizeof wire)
		return false;
	memcpy(&wire, data->p, sizeof wire);
	*out = ntohl(wire);
	data->p += sizeof wire;
	data->n -= sizeof wire;
	return true;
}

bool
ml_take_string(struct gp_str *data, const char **out)
{
	size_t n = gp_str_find(*data, '\0');

	if (n == data->n)
		return false;
	*out = data->p;
	data->p += n + 1;
	data->n -= n + 1;
	return true;
}

/* The lists of smfi_setsymlist: stage, names; an empty one changes nothing,
 * which is how Postfix takes it. */
static enum gp_rc
read_symbols(struct ml_conn *c, struct gp_str data, struct gp_err *err)
{
	const char *names;
	uint32_t stage;

	while (data.n > 0) {
		if (!ml_take_u32(&data, &stage) ||
		    !ml_take_string(&data, &names) || stage >= ML_STAGES)
			return gp_fail(err, GP_PERM, "a broken macro list");
		if (*names == '\0')
			continue;
		free(c->symbols[stage]);
		c->symbols[stage] = gp_xstrdup(names);
	}
	return GP_OK;
}

static enum gp_rc
negotiate(struct ml_conn *c, struct gp_err *err)
{
	struct ml_packet answer = { 0 };
	char offer[NEGOTIATED_MIN];
	uint32_t version;
	enum gp_rc rc;

	put_u32(offer, 6);
	put_u32(offer + 4, ML_ACTIONS_POSTFIX);
	put_u32(offer + 8, ML_STEPS_POSTFIX);
	ml_conn_begin(c, 'O');
	ml_conn_bytes(c, offer, sizeof offer);
	ml_conn_end(c);
	if ((rc = ml_conn_flush(c, err)) != GP_OK ||
	    (rc = ml_conn_read(c, &answer, err)) != GP_OK)
		return rc;
	if (answer.command != 'O' || !ml_take_u32(&answer.data, &version) ||
	    !ml_take_u32(&answer.data, &c->actions) ||
	    !ml_take_u32(&answer.data, &c->steps))
		return gp_fail(err, GP_PERM, "no answer to the offer");
	if (version > 6 || (c->actions & ~(uint32_t)ML_ACTIONS_POSTFIX) != 0 ||
	    (c->steps & ~(uint32_t)ML_STEPS_POSTFIX) != 0)
		return gp_fail(err, GP_PERM,
		    "version %u, actions %#x, steps %#x were not offered",
		    version, c->actions, c->steps);
	return read_symbols(c, answer.data, err);
}

enum gp_rc
ml_conn_open(struct ml_conn *c, const char *spec, unsigned timeout_s,
    struct gp_err *err)
{
	const struct timeval timeout = { .tv_sec = (time_t)timeout_s };
	enum gp_rc rc;

	rc = dial(c, spec, err);
	if (rc == GP_OK) {
		(void)setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &timeout,
		    sizeof timeout);
		(void)setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &timeout,
		    sizeof timeout);
		rc = negotiate(c, err);
	}
	if (rc != GP_OK)
		ml_conn_close(c);
	return rc;
}

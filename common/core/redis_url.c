/* See redis_url.h. */
#include "core/redis_url.h"

#include "base/ip.h"

#include <string.h>

#define NUMBER_MAX 1023
#define PORT_MAX   65535

static enum gp_rc
bad(struct gp_err *err, const char *what)
{
	return gp_fail(err, GP_PERM, "the URL of the Redis: %s", what);
}

/* -- text with %XX --------------------------------------------------------- */

/* The octet at *at, which is moved behind it; -1: malformed. */
static int
octet(struct gp_str s, size_t *at)
{
	const char c = s.p[(*at)++];
	int high, low;

	if (c != '%')
		return (unsigned char)c;
	if (s.n - *at < 2)
		return -1;
	high = gp_hex_value(s.p[*at]);
	low = gp_hex_value(s.p[*at + 1]);
	*at += 2;
	return high < 0 || low < 0 ? -1 : high * 16 + low;
}

/* False: malformed, longer than `max`, or with control characters. */
static bool
decode(struct gp_str s, char *out, size_t max)
{
	size_t n = 0;

	for (size_t at = 0; at < s.n;) {
		const int c = octet(s, &at);

		if (c < ' ' || c == 0x7f || n == max)
			return false;
		out[n++] = (char)c;
	}
	out[n] = '\0';
	return true;
}

static bool
is_plain(char c, const char *others)
{
	return gp_is_alnum(c) || (c != '\0' && strchr(others, c) != NULL);
}

static void
encode(const char *s, const char *others, struct gp_buf *out)
{
	for (; *s != '\0'; s++) {
		if (is_plain(*s, others))
			gp_buf_addc(out, *s);
		else
			gp_buf_addf(out, "%%%02X", (unsigned)(unsigned char)*s);
	}
}

/* -- parts ----------------------------------------------------------------- */

static enum gp_rc
read_number(struct gp_str s, struct gp_redis_url *out, struct gp_err *err)
{
	uint64_t number;

	if (gp_parse_u64(s, NUMBER_MAX, &number) != GP_OK)
		return bad(err, "the database is no number from 0 to 1023");
	out->number = (unsigned)number;
	return GP_OK;
}

static enum gp_rc
read_login(struct gp_str s, struct gp_redis_url *out, struct gp_err *err)
{
	struct gp_str password = s;
	const struct gp_str user = gp_str_split(&password, ':');

	if (!decode(user, out->user, GP_REDIS_USER_MAX))
		return bad(err,
		    "the user is malformed or longer than 128 octets");
	if (password.p == NULL)
		return GP_OK;
	if (gp_str_find(password, ':') < password.n)
		return bad(err, "a colon in the password is written %3A");
	if (!decode(password, out->password, GP_REDIS_PASSWORD_MAX))
		return bad(err,
		    "the password is malformed or longer than 512 octets");
	return GP_OK;
}

static bool
is_host(struct gp_str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!is_plain(s.p[i], "-._"))
			return false;
	return s.n > 0 && s.n <= GP_REDIS_PLACE_MAX;
}

static bool
is_address6(struct gp_str s)
{
	struct gp_ip ip;

	return gp_str_find(s, ':') < s.n && gp_ip_parse(s, &ip) == GP_OK;
}

/* HOST[:PORT] */
static enum gp_rc
read_place(struct gp_str s, struct gp_redis_url *out, struct gp_err *err)
{
	struct gp_str port = s;
	struct gp_str host;
	uint64_t number = GP_REDIS_PORT;
	bool good;

	if (s.n > 0 && s.p[0] == '[') {
		port = gp_str_n(s.p + 1, s.n - 1);
		host = gp_str_split(&port, ']');
		good = port.p != NULL && is_address6(host) &&
		       (port.n == 0 || port.p[0] == ':');
		if (good && port.n == 0)
			port.p = NULL;
		else if (good)
			port = gp_str_n(port.p + 1, port.n - 1);
	} else {
		host = gp_str_split(&port, ':');
		good = is_host(host);
	}
	if (!good)
		return bad(err, "the host is no name and no address");
	if (port.p != NULL &&
	    (gp_parse_u64(port, PORT_MAX, &number) != GP_OK || number == 0))
		return bad(err, "the port is no number from 1 to 65535");
	memcpy(out->place, host.p, host.n);
	out->port = (uint16_t)number;
	return GP_OK;
}

/* What stands behind "redis://". */
static enum gp_rc
read_network(struct gp_str rest, struct gp_redis_url *out, struct gp_err *err)
{
	struct gp_str place = gp_str_split(&rest, '/');
	const size_t at = gp_str_find(place, '@');
	enum gp_rc rc = GP_OK;

	if (at < place.n) {
		rc = read_login(gp_str_n(place.p, at), out, err);
		place = gp_str_n(place.p + at + 1, place.n - at - 1);
	}
	if (rc == GP_OK && gp_str_find(place, '@') < place.n)
		rc = bad(err, "an @ in the password is written %40");
	if (rc == GP_OK)
		rc = read_place(place, out, err);
	if (rc == GP_OK && rest.p != NULL)
		rc = read_number(rest, out, err);
	return rc;
}

/* What stands behind "redis+unix://". */
static enum gp_rc
read_unix(struct gp_str rest, struct gp_redis_url *out, struct gp_err *err)
{
	static const struct gp_str name = { "db=", 3 };
	const struct gp_str path = gp_str_split(&rest, '?');

	out->is_unix = true;
	if (!decode(path, out->place, GP_REDIS_PATH_MAX) ||
	    out->place[0] != '/')
		return bad(err,
		    "the path is not absolute, malformed or longer than 107 "
		    "octets");
	if (rest.p == NULL)
		return GP_OK;
	if (rest.n < name.n || memcmp(rest.p, name.p, name.n) != 0)
		return bad(err, "behind the path stands only ?db=NUMBER");
	return read_number(gp_str_n(rest.p + name.n, rest.n - name.n), out,
	    err);
}

static bool
has_scheme(struct gp_str s, struct gp_str scheme, struct gp_str *rest)
{
	if (!gp_str_starts_nocase(s, scheme))
		return false;
	*rest = gp_str_n(s.p + scheme.n, s.n - scheme.n);
	return true;
}

enum gp_rc
gp_redis_url_parse(struct gp_str s, struct gp_redis_url *out,
    struct gp_err *err)
{
	struct gp_str rest;

	memset(out, 0, sizeof(*out));
	if (has_scheme(s, GP_STR("redis://"), &rest))
		return read_network(rest, out, err);
	if (has_scheme(s, GP_STR("redis+unix://"), &rest))
		return read_unix(rest, out, err);
	if (has_scheme(s, GP_STR("rediss://"), &rest))
		return bad(err, "TLS is not spoken; use a tunnel");
	return bad(err, "it begins with redis:// or redis+unix://");
}

void
gp_redis_url_show(const struct gp_redis_url *url, struct gp_buf *out)
{
	const bool is_address6 = strchr(url->place, ':') != NULL;

	if (url->is_unix) {
		gp_buf_adds(out, "redis+unix://");
		encode(url->place, "-._~/", out);
		gp_buf_addf(out, "?db=%u", url->number);
		return;
	}
	gp_buf_adds(out, "redis://");
	encode(url->user, "-._~", out);
	gp_buf_addf(out, "%s%s%s%s:%u/%u", url->user[0] == '\0' ? "" : "@",
	    is_address6 ? "[" : "", url->place, is_address6 ? "]" : "",
	    (unsigned)url->port, url->number);
}

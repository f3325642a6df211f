/* See redis_url.h. */
#include "core/redis_url.h"

#include "base/ip.h"
#include "core/domain.h"

#include <string.h>

#define NUMBER_MAX 1023
#define PORT_MAX   65535

static enum gp_rc
bad(struct gp_err *err, const char *what)
{
	return gp_fail(err, GP_PERM, "the URL of the Redis: %s", what);
}

/* -- text with %XX --------------------------------------------------------- */

/* The octet at *at, which is moved behind it; -1: malformed, or NUL. */
static int
octet(struct gp_str s, size_t *at)
{
	const char c = s.p[(*at)++];
	int high, low;

	if (c != '%')
		return gp_is_print(c) && c != ' ' ? c : -1;
	if (s.n - *at < 2)
		return -1;
	high = gp_hex_value(s.p[*at]);
	low = gp_hex_value(s.p[*at + 1]);
	*at += 2;
	return high < 0 || low < 0 || high + low == 0 ? -1 : high * 16 + low;
}

/* False: malformed, or longer than `max`. */
static bool
decode(struct gp_str s, char *out, size_t max)
{
	size_t n = 0;

	for (size_t at = 0; at < s.n;) {
		const int c = octet(s, &at);

		if (c < 0 || n == max)
			return false;
		out[n++] = (char)c;
	}
	out[n] = '\0';
	return true;
}

static void
encode(const char *s, struct gp_buf *out)
{
	for (; *s != '\0'; s++) {
		if (gp_is_alnum(*s) || strchr("-._~", *s) != NULL)
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

	if (gp_str_find(password, ':') < password.n)
		return bad(err, "a colon in the password is written %3A");
	if (!decode(user, out->user, GP_REDIS_USER_MAX) ||
	    !decode(password, out->password, GP_REDIS_PASSWORD_MAX))
		return bad(err, "user or password is malformed or too long");
	if (password.p == NULL ? user.n == 0 : password.n == 0)
		return bad(err, "user or password is empty");
	return GP_OK;
}

/* A name is written as DNS has it. */
static bool
read_host(struct gp_str s, char out[GP_REDIS_PLACE_MAX + 1])
{
	struct gp_ip ip;

	if (gp_ip_parse(s, &ip) != GP_OK)
		return gp_domain_normalize(s, out, NULL) == GP_OK;
	memcpy(out, s.p, s.n);
	return true;
}

static bool
is_address6(struct gp_str s)
{
	struct gp_ip ip;

	return gp_str_find(s, ':') < s.n && gp_ip_parse(s, &ip) == GP_OK;
}

/* "[IPv6]" or HOST; what follows is left in `*rest`, with its colon. */
static bool
split_host(struct gp_str s, struct gp_str *host, struct gp_str *rest)
{
	size_t end = gp_str_find(s, ':');

	*host = gp_str_n(s.p, end);
	if (s.n > 0 && s.p[0] == '[') {
		end = gp_str_find(s, ']');
		if (end == s.n)
			return false;
		*host = gp_str_n(s.p + 1, end - 1);
		end++;
	}
	*rest = gp_str_n(s.p + end, s.n - end);
	return host->p == s.p || is_address6(*host);
}

/* HOST[:PORT] */
static enum gp_rc
read_place(struct gp_str s, struct gp_redis_url *out, struct gp_err *err)
{
	uint64_t number = GP_REDIS_PORT;
	struct gp_str host, port;

	if (!split_host(s, &host, &port) || !read_host(host, out->place))
		return bad(err, "the host is no name and no address");
	if (port.n > 0 && (port.p[0] != ':' ||
			      gp_parse_u64(gp_str_n(port.p + 1, port.n - 1),
				  PORT_MAX, &number) != GP_OK ||
			      number == 0))
		return bad(err, "the port is no number from 1 to 65535");
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

	if (path.n < 2 || path.p[0] != '/' || path.n > GP_REDIS_PATH_MAX ||
	    !gp_str_is_text(path))
		return bad(err, "the path is not absolute or too long");
	out->is_unix = true;
	memcpy(out->place, path.p, path.n);
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
		gp_buf_addf(out, "redis+unix://%s?db=%u", url->place,
		    url->number);
		return;
	}
	gp_buf_adds(out, "redis://");
	encode(url->user, out);
	gp_buf_addf(out, "%s%s%s%s:%u/%u", url->user[0] == '\0' ? "" : "@",
	    is_address6 ? "[" : "", url->place, is_address6 ? "]" : "",
	    (unsigned)url->port, url->number);
}

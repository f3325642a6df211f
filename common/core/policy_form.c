/* See policy_form.h. */
#include "core/policy_form.h"

#include "core/domain.h"
#include "core/redis_url.h"

#include <string.h>

#define NAME_MAX_BYTES       255
#define FIELD_NAME_MAX_BYTES 77
#define TITLE_MAX_BYTES      64
#define SOCKET_PATH_MAX      107 /* sun_path of unix(7), with its NUL 108 */
#define RATE_MAX             INT64_C(1000000000000)
#define FACTOR_MAX           1000
#define RATE_MIN_MS          1000
#define RATE_MAX_MS          (INT64_C(31) * 86400000)
#define DAY_S                86400
#define SHOWN_MAX            64

bool
gp_form_line(struct gp_str s, size_t max)
{
	for (size_t i = 0; i < s.n; i++)
		if (!gp_is_print(s.p[i]))
			return false;
	return s.n <= max;
}

bool
gp_form_name(struct gp_str s)
{
	return s.n > 0 && s.n <= NAME_MAX_BYTES && gp_str_is_text(s) &&
	       gp_str_find(s, ' ') == s.n;
}

/* With the colon within the 78 columns of RFC 5322 2.1.1. */
bool
gp_form_field(struct gp_str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!gp_is_print(s.p[i]) || s.p[i] == ' ' || s.p[i] == ':' ||
		    s.p[i] == ';')
			return false;
	return s.n > 0 && s.n <= FIELD_NAME_MAX_BYTES;
}

bool
gp_form_field_name(struct gp_str s)
{
	static const char *const never[] = { "Return-Path", "Received",
		"DKIM-Signature", "Authentication-Results", "Received-SPF",
		"Bcc", "Comments", "Keywords" };

	if (!gp_form_field(s) || gp_str_starts_nocase(s, GP_STR("ARC-")))
		return false;
	for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++)
		if (gp_str_eq_nocase(s, gp_str(never[i])))
			return false;
	return true;
}

bool
gp_form_title(struct gp_str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!gp_is_alnum(s.p[i]) && s.p[i] != '-' && s.p[i] != '_')
			return false;
	return s.n > 0 && s.n <= TITLE_MAX_BYTES;
}

static bool
is_port(struct gp_str s)
{
	uint64_t port;

	return gp_parse_u64(s, 65535, &port) == GP_OK && port > 0;
}

static bool
is_host(struct gp_str s)
{
	char domain[GP_DOMAIN_TEXT];
	struct gp_ip ip;

	return gp_ip_parse(s, &ip) == GP_OK ||
	       gp_domain_normalize(s, domain, NULL) == GP_OK;
}

bool
gp_form_socket(struct gp_str s)
{
	struct gp_str rest = s;
	struct gp_str family = gp_str_split(&rest, ':');
	struct gp_str port;

	if (gp_str_eq(family, GP_STR("unix")))
		return rest.n > 0 && rest.n <= SOCKET_PATH_MAX &&
		       gp_str_is_text(rest);
	if (!gp_str_eq(family, GP_STR("inet")) &&
	    !gp_str_eq(family, GP_STR("inet6")))
		return false;
	port = gp_str_split(&rest, '@');
	return is_port(port) && is_host(rest);
}

/* "[IPv6]" and what follows it in `*rest`. */
static bool
is_bracketed(struct gp_str s, struct gp_str *rest)
{
	size_t end = gp_str_find(s, ']');
	struct gp_ip ip;

	if (s.n == 0 || s.p[0] != '[' || end == s.n)
		return false;
	*rest = gp_str_n(s.p + end + 1, s.n - end - 1);
	s = gp_str_n(s.p + 1, end - 1);
	return gp_str_find(s, ':') < s.n && gp_ip_parse(s, &ip) == GP_OK;
}

bool
gp_form_server(struct gp_str s)
{
	struct gp_str rest = s;
	struct gp_ip ip;

	if (gp_ip_parse(s, &ip) == GP_OK)
		return true;
	if (is_bracketed(s, &rest))
		return rest.n > 0 && rest.p[0] == ':' &&
		       is_port(gp_str_n(rest.p + 1, rest.n - 1));
	return gp_ip_parse(gp_str_split(&rest, ':'), &ip) == GP_OK &&
	       is_port(rest);
}

/* -- the store --------------------------------------------------------- */

bool
gp_form_store(struct gp_str s, struct gp_err *err)
{
	struct gp_redis_url url;

	if (gp_str_eq(s, GP_STR("mem")) || gp_str_eq(s, GP_STR("lmdb")))
		return true;
	return gp_str_find(s, ':') < s.n &&
	       gp_redis_url_parse(s, &url, err) == GP_OK;
}

/* Between "redis://USER:" and "@HOST"; p NULL: there is none. */
static struct gp_str
password_of(struct gp_str s)
{
	struct gp_redis_url url;
	struct gp_str rest = s;
	struct gp_str login;

	if (gp_redis_url_parse(s, &url, NULL) != GP_OK || url.is_unix ||
	    url.password[0] == '\0')
		return gp_str_n(NULL, 0);
	(void)gp_str_split(&rest, ':');
	login = gp_str_split(&rest, '@');
	(void)gp_str_split(&login, ':');
	return login;
}

void
gp_form_write_store(const char *s, struct gp_buf *out)
{
	struct gp_str password = password_of(gp_str(s));
	struct gp_buf text;

	gp_buf_init(&text, strlen(s) + sizeof("***"));
	if (password.p == NULL) {
		gp_buf_adds(&text, s);
	} else {
		gp_buf_add(&text, s, (size_t)(password.p - s));
		gp_buf_addf(&text, "***%s", password.p + password.n);
	}
	gp_form_write_text(gp_buf_cstr(&text), out);
	gp_buf_clear(&text);
}

/* -- dates ------------------------------------------------------------- */

static bool
is_leap(unsigned year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static unsigned
days_of_month(unsigned year, unsigned month)
{
	static const unsigned days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31,
		30, 31 };

	return days[month - 1] + (month == 2 && is_leap(year));
}

static unsigned
days_of_year(unsigned year)
{
	return is_leap(year) ? 366 : 365;
}

static bool
part(struct gp_str *rest, size_t digits, unsigned *out)
{
	struct gp_str text = gp_str_split(rest, '-');
	uint64_t value;

	if (text.n != digits || gp_parse_u64(text, 9999, &value) != GP_OK)
		return false;
	*out = (unsigned)value;
	return true;
}

enum gp_rc
gp_form_date(struct gp_str s, int64_t *out)
{
	struct gp_str rest = s;
	unsigned year;
	unsigned month;
	unsigned day;
	int64_t days = 0;

	if (!part(&rest, 4, &year) || !part(&rest, 2, &month) ||
	    !part(&rest, 2, &day) || rest.p != NULL || year < 1970 ||
	    month < 1 || month > 12 || day < 1 ||
	    day > days_of_month(year, month))
		return GP_PERM;
	for (unsigned y = 1970; y < year; y++)
		days += days_of_year(y);
	for (unsigned m = 1; m < month; m++)
		days += days_of_month(year, m);
	*out = (days + day - 1) * DAY_S;
	return GP_OK;
}

void
gp_form_write_date(int64_t s, struct gp_buf *out)
{
	int64_t days = s / DAY_S;
	unsigned year = 1970;
	unsigned month = 1;

	if (s == 0) {
		gp_buf_adds(out, "\"\"");
		return;
	}
	for (; days >= days_of_year(year); year++)
		days -= days_of_year(year);
	for (; days >= days_of_month(year, month); month++)
		days -= days_of_month(year, month);
	gp_buf_addf(out, "\"%04u-%02u-%02u\"", year, month, (unsigned)days + 1);
}

/* -- numbers with units ------------------------------------------------ */

void
gp_form_write_duration(int64_t ms, struct gp_buf *out)
{
	static const struct {
		int64_t factor;
		const char *name;
	} units[] = { { 86400000, "d" }, { 3600000, "h" }, { 60000, "m" },
		{ 1000, "s" }, { 1, "ms" } };
	size_t i = 0;

	if (ms == 0) {
		gp_buf_addc(out, '0');
		return;
	}
	while (ms % units[i].factor != 0)
		i++;
	gp_buf_addf(out, "%lld%s", (long long)(ms / units[i].factor),
	    units[i].name);
}

void
gp_form_write_size(int64_t bytes, struct gp_buf *out)
{
	static const char units[] = "\0kmg";
	size_t i = 0;

	while (i < 3 && bytes > 0 && bytes % 1024 == 0) {
		bytes /= 1024;
		i++;
	}
	gp_buf_addf(out, "%lld", (long long)bytes);
	if (i > 0)
		gp_buf_addc(out, units[i]);
}

/* What was written in thousands is seldom meant in powers of 1024. */
void
gp_form_write_amount(int64_t n, struct gp_buf *out)
{
	if (n % 1000 == 0)
		gp_buf_addf(out, "%lld", (long long)n);
	else
		gp_form_write_size(n, out);
}

enum gp_rc
gp_form_factor(struct gp_str s, unsigned *out)
{
	struct gp_str fraction = s;
	struct gp_str whole = gp_str_split(&fraction, '.');
	unsigned scale = 1000;
	uint64_t ones;
	uint64_t parts = 0;

	if (gp_parse_u64(whole, FACTOR_MAX, &ones) != GP_OK)
		return GP_PERM;
	if (fraction.p != NULL &&
	    (fraction.n > 3 || gp_parse_u64(fraction, 999, &parts) != GP_OK))
		return GP_PERM;
	for (size_t i = 0; i < fraction.n; i++)
		scale /= 10;
	*out = (unsigned)ones * 1000 + (unsigned)parts * scale;
	return GP_OK;
}

void
gp_form_write_factor(unsigned thousandths, struct gp_buf *out)
{
	unsigned parts = thousandths % 1000;
	int digits = 3;

	gp_buf_addf(out, "%u", thousandths / 1000);
	if (parts == 0)
		return;
	for (; parts % 10 == 0; digits--)
		parts /= 10;
	gp_buf_addf(out, ".%0*u", digits, parts);
}

enum gp_rc
gp_form_rate(struct gp_str s, struct gp_rate *out)
{
	struct gp_str rest = s;
	struct gp_str number = gp_str_split(&rest, '/');
	int64_t period;
	int64_t n;

	if (gp_parse_size(number, &n) != GP_OK || n < 1 || n > RATE_MAX ||
	    gp_parse_duration_ms(rest, &period) != GP_OK ||
	    period < RATE_MIN_MS || period > RATE_MAX_MS)
		return GP_PERM;
	*out = (struct gp_rate){ .n = n, .period_ms = period };
	return GP_OK;
}

void
gp_form_write_rate(const struct gp_rate *r, struct gp_buf *out)
{
	gp_buf_addc(out, '"');
	gp_form_write_amount(r->n, out);
	gp_buf_addc(out, '/');
	gp_form_write_duration(r->period_ms, out);
	gp_buf_addc(out, '"');
}

/* -- texts ------------------------------------------------------------- */

void
gp_form_write_text(const char *s, struct gp_buf *out)
{
	gp_buf_addc(out, '"');
	for (; *s != '\0'; s++) {
		if (*s == '"' || *s == '\\')
			gp_buf_addc(out, '\\');
		gp_buf_addc(out, *s);
	}
	gp_buf_addc(out, '"');
}

int
gp_form_shown(const char *s)
{
	size_t n = strlen(s);

	if (n > SHOWN_MAX) {
		n = SHOWN_MAX;
		while (n > 0 && ((unsigned char)s[n] & 0xc0) == 0x80)
			n--;
	}
	return (int)n;
}

/* -- aliases ----------------------------------------------------------- */

enum gp_rc
gp_form_alias(struct gp_str s, struct gp_arena *arena, struct gp_alias *out,
    struct gp_err *err)
{
	char domain[GP_DOMAIN_TEXT];
	struct gp_str address = s;
	struct gp_str login = gp_str_split(&address, '=');
	size_t at = address.n;

	while (at > 0 && address.p[at - 1] != '@')
		at--;
	if (!gp_form_name(login) || at < 2 ||
	    !gp_form_name(gp_str_n(address.p, at - 1)))
		return GP_PERM;
	if (gp_domain_normalize(gp_str_n(address.p + at, address.n - at),
		domain, err) != GP_OK)
		return GP_PERM;
	out->login = gp_arena_strndup(arena, login.p, login.n);
	out->address =
	    gp_arena_printf(arena, "%.*s@%s", (int)(at - 1), address.p, domain);
	return GP_OK;
}

void
gp_form_write_alias(const struct gp_alias *a, struct gp_buf *out)
{
	struct gp_buf text;

	gp_buf_init(&text, 4096);
	gp_buf_addf(&text, "%s=%s", a->login, a->address);
	gp_form_write_text(gp_buf_cstr(&text), out);
	gp_buf_clear(&text);
}

/* See certificate.h. */
#include "core/certificate.h"

#include "core/policy_form.h"

#define DATE_CHARS 10 /* of "2026-11-22" */
#define BEGIN      "-----BEGIN CERTIFICATE-----"
#define END        "-----END CERTIFICATE-----"

/* Where the next line of `s` that is `line` begins, and *end behind it; s.n:
 * there is none. */
static size_t
find_line(struct gp_str s, struct gp_str line, size_t *end)
{
	struct gp_str rest = s;

	while (rest.n > 0) {
		size_t at = (size_t)(rest.p - s.p);
		struct gp_str one = gp_str_split(&rest, '\n');

		*end = rest.p == NULL ? s.n : (size_t)(rest.p - s.p);
		if (gp_str_eq(gp_str_trim(one), line))
			return at;
	}
	return s.n;
}

enum gp_rc
gp_certificate_pem(struct gp_str text, struct gp_str *out)
{
	size_t end = 0;
	size_t at = find_line(text, GP_STR(BEGIN), &end);
	struct gp_str rest = gp_str_n(text.p + at, text.n - at);

	if (at == text.n || find_line(rest, GP_STR(END), &end) == rest.n)
		return GP_NONE;
	*out = gp_str_n(rest.p, end);
	return GP_OK;
}

/* "14:53:49Z" */
static bool
read_time(struct gp_str s, int64_t *out)
{
	static const uint64_t max[] = { 23, 59, 60 };
	uint64_t part;

	*out = 0;
	if (s.n != 9 || s.p[2] != ':' || s.p[5] != ':' || s.p[8] != 'Z')
		return false;
	for (size_t i = 0; i < 3; i++) {
		if (gp_parse_u64(gp_str_n(s.p + 3 * i, 2), max[i], &part) !=
		    GP_OK)
			return false;
		*out = *out * 60 + (int64_t)part;
	}
	return true;
}

static bool
read_date(struct gp_str s, int64_t *out)
{
	int64_t time_s;

	if (s.n < DATE_CHARS + 1 || s.p[DATE_CHARS] != ' ' ||
	    gp_form_date(gp_str_n(s.p, DATE_CHARS), out) != GP_OK ||
	    !read_time(gp_str_n(s.p + DATE_CHARS + 1, s.n - DATE_CHARS - 1),
		&time_s))
		return false;
	*out += time_s;
	return true;
}

enum gp_rc
gp_certificate_dates(struct gp_str text, int64_t *from_s, int64_t *until_s)
{
	unsigned from = 0, until = 0;

	*from_s = *until_s = 0;
	while (text.n > 0) {
		struct gp_str value = gp_str_trim(gp_str_split(&text, '\n'));
		struct gp_str name = gp_str_split(&value, '=');

		if (gp_str_eq(name, GP_STR("notBefore")))
			from += read_date(value, from_s) ? 1 : 2;
		else if (gp_str_eq(name, GP_STR("notAfter")))
			until += read_date(value, until_s) ? 1 : 2;
	}
	return from == 1 && until == 1 ? GP_OK : GP_PERM;
}

/* See authres_word.h. */
#include "core/authres_word.h"

#include "core/domain.h"

#include <string.h>

static bool
is_one_of(char c, const char *set)
{
	return c != '\0' && strchr(set, c) != NULL;
}

bool
gp_word_is_atext(char c)
{
	return gp_is_alnum(c) || (unsigned char)c > 0x7f ||
	       is_one_of(c, "!#$%&'*+-/=?^_`{|}~");
}

bool
gp_word_is_token_char(char c)
{
	return c == '.' || (gp_word_is_atext(c) && !is_one_of(c, "/=?"));
}

bool
gp_word_is_keyword(struct gp_str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!gp_is_alnum(s.p[i]) && s.p[i] != '-')
			return false;
	return s.n != 0 && s.p[s.n - 1] != '-';
}

bool
gp_word_is_dot_string(struct gp_str s)
{
	bool in_atom = false;

	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '.' ? !in_atom : !gp_word_is_atext(s.p[i]))
			return false;
		in_atom = s.p[i] != '.';
	}
	return in_atom;
}

bool
gp_word_is_domain_name(struct gp_str s)
{
	char spelling[GP_DOMAIN_TEXT];

	return s.n != 0 && s.p[s.n - 1] != '.' && gp_str_find(s, '.') != s.n &&
	       gp_domain_normalize(s, spelling, NULL) == GP_OK;
}

bool
gp_word_is_plain(struct gp_str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!gp_is_alnum(s.p[i]) && !is_one_of(s.p[i], "._+-"))
			return false;
	return s.n != 0;
}

bool
gp_word_is_plain_address(struct gp_str s)
{
	struct gp_str domain = s;
	struct gp_str local = gp_str_split(&domain, '@');

	return domain.p != NULL && gp_word_is_plain(domain) &&
	       gp_word_is_domain_name(domain) &&
	       (local.n == 0 ||
		   (gp_word_is_plain(local) && gp_word_is_dot_string(local)));
}

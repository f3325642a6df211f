/* See resolvers.h. */
#include "core/resolvers.h"

static const struct {
	const char *owner, *address;
} known[] = {
	{ "Google", "8.8.8.8" },
	{ "Google", "8.8.4.4" },
	{ "Google", "2001:4860:4860::8888" },
	{ "Google", "2001:4860:4860::8844" },
	{ "Cloudflare", "1.1.1.1" },
	{ "Cloudflare", "1.0.0.1" },
	{ "Cloudflare", "2606:4700:4700::1111" },
	{ "Cloudflare", "2606:4700:4700::1001" },
	{ "Quad9", "9.9.9.9" },
	{ "Quad9", "149.112.112.112" },
	{ "Quad9", "2620:fe::fe" },
	{ "Quad9", "2620:fe::9" },
	{ "OpenDNS", "208.67.222.222" },
	{ "OpenDNS", "208.67.220.220" },
};

/* The first word; *rest is what follows. */
static struct gp_str
first_word(struct gp_str line, struct gp_str *rest)
{
	size_t n = 0;

	while (n < line.n && !gp_is_space(line.p[n]))
		n++;
	*rest = gp_str_trim(gp_str_n(line.p + n, line.n - n));
	return gp_str_n(line.p, n);
}

void
gp_resolvers_read(struct gp_str text, struct gp_arena *arena,
    struct gp_strings *out)
{
	const char **v = gp_arena_alloc(arena, GP_RESOLVERS_MAX * sizeof(*v));
	size_t n = 0;

	while (text.n > 0 && n < GP_RESOLVERS_MAX) {
		struct gp_str rest, more;
		struct gp_str word =
		    first_word(gp_str_trim(gp_str_split(&text, '\n')), &rest);

		if (!gp_str_eq(word, GP_STR("nameserver")) || rest.n == 0)
			continue;
		word = first_word(rest, &more);
		v[n++] = gp_arena_strndup(arena, word.p, word.n);
	}
	*out = (struct gp_strings){ .n = n, .v = v };
}

/* Without brackets and port. */
static struct gp_str
address_of(struct gp_str s)
{
	size_t colon = gp_str_find(s, ':');

	if (s.n > 0 && s.p[0] == '[')
		return gp_str_n(s.p + 1,
		    gp_str_find(gp_str_n(s.p + 1, s.n - 1), ']'));
	if (gp_str_find(s, '.') < colon)
		return gp_str_n(s.p, colon);
	return s;
}

const char *
gp_resolver_public(const char *server)
{
	struct gp_ip ip, theirs;

	if (gp_ip_parse(address_of(gp_str(server)), &ip) != GP_OK)
		return NULL;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (gp_ip_parse(gp_str(known[i].address), &theirs) == GP_OK &&
		    gp_ip_eq(&ip, &theirs))
			return known[i].owner;
	return NULL;
}

/*
 * See import_parts.h.
 *
 * opendkim takes the most precise entry that holds an address, and of two
 * equal ones that with "!".  So an address is in the list when some prefix
 * without "!" holds it and none with "!" inside of that prefix does: each such
 * prefix is cut in halves until what is excluded is gone.
 */
#include "core/import_parts.h"

#include <string.h>

/* -- reading ------------------------------------------------------------ */

static void
add(struct gp_import *im, struct gp_import_hosts *hosts,
    const struct gp_import_host *host)
{
	if (hosts->n == hosts->cap) {
		size_t cap = hosts->cap == 0 ? 64 : 2 * hosts->cap;
		struct gp_import_host *v =
		    gp_arena_alloc(im->arena, cap * sizeof(*v));

		if (hosts->n > 0)
			(void)memcpy(v, hosts->v, hosts->n * sizeof(*v));
		hosts->v = v;
		hosts->cap = cap;
	}
	hosts->v[hosts->n++] = *host;
}

/* "[ADDRESS]" and "[ADDRESS]/BITS" without the brackets. */
static struct gp_str
unbracketed(struct gp_import *im, struct gp_str s)
{
	size_t end = gp_str_find(s, ']');

	if (s.n == 0 || s.p[0] != '[' || end == s.n)
		return s;
	return gp_str(gp_arena_printf(im->arena, "%.*s%.*s", (int)(end - 1),
	    s.p + 1, (int)(s.n - end - 1), s.p + end + 1));
}

/* An address and a number of bits, whatever they come to. */
static bool
is_like_prefix(struct gp_str s)
{
	struct gp_str bits = s;
	struct gp_str address = gp_str_split(&bits, '/');
	struct gp_ip ip;
	uint64_t n;

	return gp_ip_parse(address, &ip) == GP_OK &&
	       gp_parse_u64(bits, 128, &n) == GP_OK;
}

static void
add_localhost(struct gp_import *im, struct gp_import_hosts *hosts,
    struct gp_import_host *host)
{
	static const char *const addresses[] = { "127.0.0.1", "::1" };

	for (size_t i = 0; i < 2; i++)
		if (gp_prefix_parse(gp_str(addresses[i]), &host->prefix,
			NULL) == GP_OK)
			add(im, hosts, host);
}

static void
add_name(struct gp_import *im, const char *word, const char *key,
    const struct gp_import_row *row, const struct gp_import_set *set)
{
	bool pattern = strchr(key, '*') != NULL;

	if (is_like_prefix(gp_str(key))) {
		gp_import_ignored(im, word, row->from,
		    "%s: has bits behind its prefix, so opendkim never "
		    "finds an address in it",
		    row->key);
	} else if (pattern && set->kind != GP_IMPORT_REFILE) {
		gp_import_ignored(im, word, row->from,
		    "%s: opendkim knows no pattern here, so no host is it",
		    row->key);
	} else {
		gp_import_decide(im, GP_YELLOW, word, row->from,
		    "%s: a host by its name, or a pattern; only addresses are "
		    "trusted here",
		    row->key);
		gp_findings_remedy(&im->report,
		    *key == '!' || row->key[0] == '!'
			? "if its address is in trust.clients, take it out"
			: "trust { clients = { its addresses } }");
	}
}

void
gp_import_hosts_add(struct gp_import *im, const char *word,
    const struct gp_import_set *set, struct gp_import_hosts *hosts)
{
	for (size_t i = 0; i < set->n; i++) {
		const struct gp_import_row *row = &set->v[i];
		struct gp_str text = gp_str(row->key);
		struct gp_import_host host = { .from = row->key };

		host.negated = text.n > 0 && text.p[0] == '!';
		if (host.negated)
			text = gp_str_n(text.p + 1, text.n - 1);
		text = unbracketed(im, text);
		host.alone = gp_str_find(text, '/') == text.n;
		if (gp_str_eq_nocase(text, GP_STR("localhost")))
			add_localhost(im, hosts, &host);
		else if (gp_prefix_parse(text, &host.prefix, NULL) == GP_OK)
			add(im, hosts, &host);
		else
			add_name(im, word,
			    gp_arena_strndup(im->arena,
				text.n == 0 ? "" : text.p, text.n),
			    row, set);
	}
}

/* -- what is left -------------------------------------------------------- */

struct cutting {
	const struct gp_import_hosts *hosts;
	struct gp_buf *out;
	size_t n;
};

static bool
is_inside(const struct gp_prefix *inner, const struct gp_prefix *outer)
{
	return inner->bits >= outer->bits &&
	       gp_ip_in(&inner->ip, &outer->ip, outer->bits);
}

/* Does an entry with "!" that comes before `mine` touch this part of it? */
enum touch { FREE, PARTLY, ALL };
static enum touch
touched(const struct cutting *c, const struct gp_import_host *mine,
    const struct gp_prefix *part)
{
	enum touch touch = FREE;

	for (size_t i = 0; i < c->hosts->n; i++) {
		const struct gp_import_host *h = &c->hosts->v[i];

		if (!h->negated || !is_inside(&h->prefix, &mine->prefix))
			continue;
		if (h->prefix.bits == mine->prefix.bits && mine->alone &&
		    !h->alone)
			continue;
		if (is_inside(part, &h->prefix))
			return ALL;
		if (is_inside(&h->prefix, part))
			touch = PARTLY;
	}
	return touch;
}

static unsigned
bits_of(const struct gp_ip *ip)
{
	return ip->family == GP_IP_V4 ? 32 : 128;
}

static void
write_prefix(struct cutting *c, const struct gp_prefix *part)
{
	char text[GP_IP_TEXT];

	c->n++;
	gp_buf_addf(c->out, "%s\"%s", c->out->n == 0 ? "" : ", ",
	    gp_ip_format(&part->ip, text));
	if (part->bits < bits_of(&part->ip))
		gp_buf_addf(c->out, "/%u", part->bits);
	gp_buf_addc(c->out, '"');
}

/* Depth is at most the bits of an address: each call has one bit more. */
static void
cut(struct cutting *c, const struct gp_import_host *mine, struct gp_prefix part)
{
	enum touch touch = touched(c, mine, &part);
	unsigned bit;

	if (touch == ALL || c->n > GP_IMPORT_HOSTS_MAX)
		return;
	if (touch == FREE) {
		write_prefix(c, &part);
		return;
	}
	bit = part.bits++;
	cut(c, mine, part);
	part.ip.b[bit / 8] |= (uint8_t)(0x80U >> (bit % 8));
	cut(c, mine, part);
}

/* Is it in another one, too, that nothing was cut out of?  Then that says it.
 */
static bool
is_said(const struct gp_import_hosts *hosts, size_t i)
{
	const struct cutting c = { .hosts = hosts };

	for (size_t k = 0; k < hosts->n; k++) {
		const struct gp_import_host *h = &hosts->v[k];

		if (k == i || h->negated ||
		    !is_inside(&hosts->v[i].prefix, &h->prefix))
			continue;
		if (k > i && h->prefix.bits == hosts->v[i].prefix.bits)
			continue;
		if (touched(&c, h, &hosts->v[i].prefix) == FREE)
			return true;
	}
	return false;
}

const char *
gp_import_hosts_text(struct gp_import *im, const struct gp_import_hosts *hosts,
    size_t *n)
{
	struct gp_buf out;
	struct cutting c = { .hosts = hosts, .out = &out };
	const char *text = NULL;

	gp_buf_init(&out, SIZE_MAX);
	for (size_t i = 0; i < hosts->n; i++)
		if (!hosts->v[i].negated && !is_said(hosts, i))
			cut(&c, &hosts->v[i], hosts->v[i].prefix);
	*n = c.n;
	if (c.n <= GP_IMPORT_HOSTS_MAX)
		text = gp_arena_printf(im->arena, "{ %s }", gp_buf_cstr(&out));
	gp_buf_clear(&out);
	return text;
}

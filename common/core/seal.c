/* See seal.h. */
#include "core/seal.h"

#include "base/base64.h"

#include <string.h>

/* Half of the MAC is kept: 128 bits, 22 characters of base64url. */
#define KEPT_BYTES 16
#define TEXT_BYTES 22

/* Escapes double a field at most; the facts are bounded like one. */
#define INPUT_MAX ((size_t)4 * GP_FIELD_MAX)

static void
add_number(struct gp_buf *out, uint64_t n, unsigned octets)
{
	while (octets-- > 0)
		gp_buf_addc(out, (char)(n >> (8 * octets) & 0xff));
}

static void
add_part(struct gp_buf *out, struct gp_str part)
{
	add_number(out, part.n, 4);
	gp_buf_add_str(out, part);
}

static void
add_client(struct gp_buf *out, const struct gp_ip *ip)
{
	add_number(out, 1 + sizeof(ip->b), 4);
	gp_buf_addc(out, (char)ip->family);
	gp_buf_add(out, ip->b, sizeof(ip->b));
}

/* Everything but the minute, which comes last so that a check can replace it.
 * The results go first into a buffer of their own, for their length. */
static bool
add_input(struct gp_buf *out, const struct gp_authres *ar,
    const struct gp_seal_facts *facts)
{
	struct gp_buf results;
	bool fits;

	gp_buf_init(&results, INPUT_MAX);
	gp_authres_canonical(ar, &results);
	add_part(out, GP_STR("gatepost-seal-1"));
	add_part(out, ar->id);
	add_part(out, facts->queue_id);
	add_client(out, &facts->client);
	add_part(out, facts->mail_from);
	add_part(out, gp_buf_str(&results));
	fits = !results.overflow && !out->overflow;
	gp_buf_clear(&results);
	return fits;
}

/* The seal's text for this minute; `input` is left as it was. */
static bool
seal_text(struct gp_buf *input, uint64_t minute, gp_seal_mac_fn mac,
    const void *arg, char text[TEXT_BYTES + 1])
{
	uint8_t bytes[GP_SEAL_MAC_BYTES];
	size_t n = input->n;
	struct gp_buf encoded;

	add_number(input, 8, 4);
	add_number(input, minute, 8);
	if (input->overflow)
		return false;
	mac(arg, gp_buf_str(input), bytes);
	input->n = n;
	gp_buf_init(&encoded, TEXT_BYTES);
	gp_base64url_encode(bytes, KEPT_BYTES, &encoded);
	memcpy(text, gp_buf_cstr(&encoded), TEXT_BYTES + 1);
	gp_buf_clear(&encoded);
	return true;
}

void
gp_seal_add(struct gp_authres *ar, const struct gp_seal_facts *facts,
    gp_seal_mac_fn mac, const void *arg, struct gp_arena *arena)
{
	struct gp_authres_result *last;
	struct gp_authres_prop *prop;
	char text[TEXT_BYTES + 1];
	struct gp_buf input;

	if (ar->n == 0)
		return;
	last = &ar->result[ar->n - 1];
	gp_buf_init(&input, INPUT_MAX);
	if (last->n < GP_AUTHRES_PROPS_MAX && add_input(&input, ar, facts) &&
	    seal_text(&input, (uint64_t)facts->minute, mac, arg, text)) {
		prop = gp_arena_alloc(arena, (last->n + 1) * sizeof(*prop));
		if (last->n != 0)
			memcpy(prop, last->prop, last->n * sizeof(*prop));
		prop[last->n++] = (struct gp_authres_prop){
			.ptype = GP_STR(GP_SEAL_PTYPE),
			.property = GP_STR(GP_SEAL_PROPERTY),
			.value =
			    gp_arena_dup(arena, gp_str_n(text, TEXT_BYTES)),
		};
		last->prop = prop;
	}
	gp_buf_clear(&input);
}

static bool
is_seal(const struct gp_authres_prop *prop)
{
	return gp_str_eq_nocase(prop->ptype, GP_STR(GP_SEAL_PTYPE)) &&
	       gp_str_eq_nocase(prop->property, GP_STR(GP_SEAL_PROPERTY));
}

static size_t
count_seals(const struct gp_authres *ar)
{
	size_t n = 0;

	for (size_t i = 0; i < ar->n; i++)
		for (size_t j = 0; j < ar->result[i].n; j++)
			if (is_seal(&ar->result[i].prop[j]))
				n++;
	return n;
}

/* The one seal, where it must stand; NULL: there is no such. */
static const struct gp_authres_prop *
find_seal(const struct gp_authres *ar)
{
	const struct gp_authres_result *last;
	const struct gp_authres_prop *prop;

	if (ar->n == 0 || ar->result[ar->n - 1].n == 0 || count_seals(ar) != 1)
		return NULL;
	last = &ar->result[ar->n - 1];
	prop = &last->prop[last->n - 1];
	return is_seal(prop) && prop->value.n == TEXT_BYTES ? prop : NULL;
}

static bool
equal_in_constant_time(const char *a, const char *b, size_t n)
{
	unsigned char difference = 0;

	for (size_t i = 0; i < n; i++)
		difference |=
		    (unsigned char)((unsigned char)a[i] ^ (unsigned char)b[i]);
	return difference == 0;
}

/* Newest minute first: an honest seal is of this one or the last. */
static bool
matches(struct gp_buf *input, struct gp_str seal, uint64_t now,
    gp_seal_mac_fn mac, const void *arg)
{
	char text[TEXT_BYTES + 1];

	for (unsigned age = 0; age <= GP_SEAL_AGE_MIN + 1; age++) {
		uint64_t minute = age > GP_SEAL_AGE_MIN ? now + 1 : now - age;

		if (seal_text(input, minute, mac, arg, text) &&
		    equal_in_constant_time(text, seal.p, TEXT_BYTES))
			return true;
	}
	return false;
}

bool
gp_seal_check(struct gp_authres *ar, const struct gp_seal_facts *facts,
    gp_seal_mac_fn mac, const void *arg)
{
	const struct gp_authres_prop *seal = find_seal(ar);
	struct gp_buf input;
	bool good;

	if (seal == NULL)
		return false;
	ar->result[ar->n - 1].n--;
	gp_buf_init(&input, INPUT_MAX);
	good = add_input(&input, ar, facts) &&
	       matches(&input, seal->value, (uint64_t)facts->minute, mac, arg);
	gp_buf_clear(&input);
	if (!good)
		ar->result[ar->n - 1].n++;
	return good;
}

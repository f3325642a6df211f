/*
 * libopendkim behind the front.  Octet 0 of the input chooses:
 *
 *   bit 0   1: the message that follows is signed first, over the field names
 *           in its first line; what the library says must then be pass, but
 *           for the reasons of the front, and for what it is known to read
 *           in another way
 *           0: the message is verified as it is; all is well that ends
 *   bit 1   relaxed header        bit 2   relaxed body
 *   bit 3   the body in pieces of 1 octet
 *   bit 4   the signature has l=
 */
#include "base/base64.h"
#include "io/crypto.h"
#include "mta/dkim_check.h"

#include <assert.h>
#include <string.h>

#define NOW_S INT64_C(1795000000)

static const struct gp_str record = GP_STR(
    "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=");
static const struct gp_str private_key =
    GP_STR("-----BEGIN PRIVATE KEY-----\n"
	   "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
	   "-----END PRIVATE KEY-----\n");

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Known differences of reading that no front hides. */
struct reading {
	bool odd_field; /* control characters, or a name that is none */
	bool odd_end;   /* white space behind the last CRLF */
	bool bare;      /* CR or LF alone in the body */
};

/* -- the message ------------------------------------------------------- */

static struct gp_str
cut_field(struct gp_str *rest)
{
	struct gp_str all = *rest;
	size_t at = 0;

	do
		at += gp_str_find(gp_str_n(all.p + at, all.n - at), '\n') + 1;
	while (at < all.n && (all.p[at] == ' ' || all.p[at] == '\t'));
	if (at > all.n)
		at = all.n + 1;
	*rest = gp_str_n(all.p + (at > all.n ? all.n : at),
	    at > all.n ? 0 : all.n - at);
	return gp_str_n(all.p, at - 1);
}

static bool
is_odd(struct gp_str name, struct gp_str value)
{
	bool odd = name.n == 0;

	for (size_t i = 0; i < name.n; i++)
		odd |= !gp_is_print(name.p[i]) || name.p[i] == ' ' ||
		       name.p[i] == ';';
	for (size_t i = 0; i < value.n; i++) {
		const char c = value.p[i];

		odd |=
		    c == 0x7f || (c >= 0 && c < 0x20 && c != '\t' && c != '\n');
		if (c == '\n')
			odd |= i + 1 == value.n || (value.p[i + 1] != ' ' &&
						       value.p[i + 1] != '\t');
	}
	return odd;
}

/* Returns the body. */
static struct gp_str
read_message(struct gp_str text, struct gp_header *h, struct gp_arena *arena,
    struct reading *reading)
{
	while (text.n > 0 && text.p[0] != '\n') {
		struct gp_str field = cut_field(&text);
		struct gp_str name = gp_str_split(&field, ':');

		if (field.p == NULL)
			continue;
		reading->odd_field |= is_odd(name, field);
		gp_header_add(h, arena, name, field);
	}
	return text.n == 0 ? text : gp_str_n(text.p + 1, text.n - 1);
}

static void
read_body(struct gp_str body, struct reading *reading)
{
	char last = '\0';

	for (size_t i = 0; i < body.n; i++) {
		reading->bare |= (body.p[i] == '\n') != (last == '\r');
		last = body.p[i];
	}
	reading->bare |= last == '\r';
	reading->odd_end = last == ' ' || last == '\t';
}

/* -- signing ----------------------------------------------------------- */

static void
emit(void *arg, const char *p, size_t n)
{
	gp_sha256_add(arg, p, n);
}

static void
add_body_hash(struct gp_buf *value, const struct gp_dkim_body *like,
    struct gp_str body)
{
	struct gp_sha256 *sha256 = gp_sha256_new();
	uint8_t hash[GP_SHA256_BYTES];
	struct gp_dkim_body b;

	gp_dkim_body_init(&b, like->canon, like->limit, emit, sha256);
	gp_dkim_body_add(&b, body);
	gp_dkim_body_end(&b);
	gp_sha256_end(sha256, hash);
	gp_sha256_free(sha256);
	gp_base64_encode(hash, sizeof(hash), value);
}

static void
sign(struct gp_header *h, struct gp_arena *arena, struct gp_str names,
    uint8_t choice, struct gp_str body)
{
	const enum gp_dkim_canon canon =
	    (choice & 2) != 0 ? GP_DKIM_RELAXED : GP_DKIM_SIMPLE;
	const struct gp_dkim_body like = { .canon = (choice & 4) != 0
		                                        ? GP_DKIM_RELAXED
		                                        : GP_DKIM_SIMPLE,
		.limit = (choice & 16) != 0 ? body.n / 2 : GP_DKIM_NO_LIMIT };
	uint8_t hash[GP_SHA256_BYTES], b[GP_SIGNATURE_BYTES];
	struct gp_field self = { .name = GP_STR(GP_DKIM_SIGNATURE) };
	static struct gp_private_key *key;
	struct gp_buf value, input;
	struct gp_dkim_sig sig;
	size_t n;

	gp_buf_init(&value, 1 << 20);
	gp_buf_init(&input, 1 << 22);
	gp_buf_addf(&value,
	    " v=1; a=ed25519-sha256; c=%s/%s; d=d.test;\n s=s; h=From:%.*s; ",
	    canon == GP_DKIM_RELAXED ? "relaxed" : "simple",
	    like.canon == GP_DKIM_RELAXED ? "relaxed" : "simple",
	    GP_STR_ARG(names));
	if (like.limit != GP_DKIM_NO_LIMIT)
		gp_buf_addf(&value, "l=%u; ", (unsigned)like.limit);
	gp_buf_adds(&value, "bh=");
	add_body_hash(&value, &like, body);
	gp_buf_adds(&value, "; b=");
	self.value = gp_buf_str(&value);
	n = value.n;
	gp_buf_adds(&value, "AAAA");
	if (gp_dkim_sig_parse(gp_buf_str(&value), arena, &sig, NULL) == GP_OK) {
		self.value = gp_str_n(value.p, n);
		gp_dkim_header_input(canon, h, sig.headers, sig.n_headers,
		    &self, &input);
		gp_sha256(gp_buf_str(&input), hash);
		if (key == NULL)
			assert(gp_private_key_parse(private_key, &key, NULL) ==
			       GP_OK);
		assert(gp_private_key_sign(key, hash, b, &n) == GP_OK);
		value.n -= 4;
		gp_base64_encode(b, n, &value);
	}
	gp_header_add(h, arena, self.name, gp_buf_str(&value));
	gp_buf_clear(&value);
	gp_buf_clear(&input);
}

/* -- verifying --------------------------------------------------------- */

static void
feed_keys(struct gp_dkim_checks *checks, const struct gp_dkim_checking *how,
    struct gp_arena *arena)
{
	const struct gp_dns_rr rr = { .text = record };
	const struct gp_dns_answer answer = { .rc = GP_OK, .n = 1, .rr = &rr };
	struct gp_dns_question q;

	for (size_t i = 0; i < checks->n; i++)
		if (!checks->v[i].decided &&
		    gp_dkim_question(&checks->v[i], &q) == GP_OK)
			gp_dkim_feed_key(&checks->v[i], &answer, how, arena);
}

static void
judge(const struct gp_dkim_check *c, const struct reading *reading)
{
	assert(c->decided);
	assert(c->result > GP_DKIM_NONE && c->result < GP_DKIM_RESULTS);
	assert((c->reason == NULL) == (c->result == GP_DKIM_PASS));
	for (const char *p = c->reason; p != NULL && *p != '\0'; p++)
		assert(gp_is_print(*p));
	assert(!reading->bare || c->result == GP_DKIM_PERMERROR ||
	       c->result == GP_DKIM_POLICY);
}

/* Our own signature: is there a reason to say anything else than pass? */
static void
judge_ours(const struct gp_dkim_check *c, const struct reading *reading,
    uint8_t choice)
{
	if (reading->odd_field || c->result == GP_DKIM_PERMERROR)
		return;
	if (reading->odd_end && (choice & 4) != 0)
		return;
	/* a field that may stand once, and stands twice */
	if (c->result == GP_DKIM_POLICY)
		return;
	assert(c->result == GP_DKIM_PASS);
}

static void
verify(const struct gp_header *h, struct gp_str body, uint8_t choice,
    const struct reading *reading, struct gp_arena *arena)
{
	static struct gp_opendkim *library;
	static const struct gp_dkim_checking how = { .max_signatures = 8,
		.min_rsa_bits = 1024,
		.body_length = GP_BODY_LENGTH_PASS };
	const size_t piece = (choice & 8) != 0 ? 1 : body.n;
	struct gp_opendkim_run *r;
	struct gp_dkim_checks checks;

	if (library == NULL)
		assert(gp_opendkim_open(&how, &library, NULL) == GP_OK);
	gp_dkim_checks_begin(h, "d.test", &how, NOW_S, arena, &checks);
	r = gp_opendkim_begin(library, h, &checks, arena);
	for (size_t at = 0; r != NULL && at < body.n; at += piece)
		gp_opendkim_body(r, gp_str_n(body.p + at, piece));
	feed_keys(&checks, &how, arena);
	gp_opendkim_end(r, &checks, &how);
	for (size_t i = 0; i < checks.n; i++)
		judge(&checks.v[i], reading);
	if ((choice & 1) != 0 && checks.n == 1 &&
	    checks.v[0].field == &h->v[h->n - 1])
		judge_ours(&checks.v[0], reading, choice);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gp_arena *arena;
	struct reading reading = { .bare = false };
	struct gp_header h = { .n = 0 };
	struct gp_str text, names, body;

	if (size < 1 || size > 100000)
		return 0;
	arena = gp_arena_new();
	text = gp_str_n((const char *)data + 1, size - 1);
	names = gp_str_split(&text, '\n');
	if (text.p == NULL)
		text = GP_STR("");
	body = read_message(text, &h, arena, &reading);
	read_body(body, &reading);
	if ((data[0] & 1) != 0)
		sign(&h, arena, names, data[0], body);
	verify(&h, body, data[0], &reading, arena);
	gp_arena_free(arena);
	return 0;
}

/*
 * bench_dkim - nanoseconds of each step of signing and verifying, without any
 * milter.
 *
 *   bench_dkim [WORD [KEYS]]   only steps whose name contains WORD; KEYS is the
 *                              folder of that name that corpus.py makes: then
 *                              the cryptography is measured, too
 */
#include "lib/steps.h"

#include "base/xalloc.h"
#include "core/dkim_sig.h"
#include "core/fragile.h"
#include "io/crypto.h"
#include "io/key_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#define BODY_BYTES 65536

/* A key, and what it made of the hash. */
struct pair {
	struct gp_private_key *private;
	struct gp_public_key *public;
	uint8_t signature[GP_SIGNATURE_BYTES];
	size_t n;
};

/* What the steps work on. */
struct world {
	struct gp_arena *arena;
	struct gp_buf base64, html, out;
	struct gp_header header;
	uint8_t hash[GP_SHA256_BYTES];
	struct pair rsa, ed25519;
};

static const struct gp_field fields[] = {
	{ .name = GP_STR("Received"),
	    .value = GP_STR(" from out0.s3.example (out0.s3.example "
			    "[198.51.100.35])\n\tby relay.s3.example "
			    "with ESMTPS id 178DEA49CC\n\tfor "
			    "<rcpt@local.example>; Mon, 2 Mar 2026 "
			    "10:00:00 +0000") },
	{ .name = GP_STR("From"),
	    .value = GP_STR(" \"Sender 3\" <user@s3.example>") },
	{ .name = GP_STR("To"),
	    .value = GP_STR(" Recipient <rcpt@local.example>") },
	{ .name = GP_STR("Reply-To"), .value = GP_STR(" <help@s3.example>") },
	{ .name = GP_STR("Subject"),
	    .value = GP_STR(" kind update of the office statement") },
	{ .name = GP_STR("Date"),
	    .value = GP_STR(" Mon, 2 Mar 2026 10:03:01 +0000") },
	{ .name = GP_STR("Message-ID"),
	    .value = GP_STR(" <e24cfe98ab569203@s3.example>") },
	{ .name = GP_STR("MIME-Version"), .value = GP_STR(" 1.0") },
	{ .name = GP_STR("List-Unsubscribe"),
	    .value = GP_STR(" <mailto:out-e24cfe98ab569203@s3.example>,\n "
			    "<https://s3.example/out/e24cfe98ab569203>") },
	{ .name = GP_STR("List-Unsubscribe-Post"),
	    .value = GP_STR(" List-Unsubscribe=One-Click") },
	{ .name = GP_STR("X-Mailer"), .value = GP_STR(" bench") },
	{ .name = GP_STR("Content-Type"),
	    .value = GP_STR(" text/html; charset=utf-8") },
	{ .name = GP_STR("Content-Transfer-Encoding"),
	    .value = GP_STR(" 8bit") },
};

static const struct gp_field signature = { .name = GP_STR(GP_DKIM_SIGNATURE),
	.value = GP_STR(
	    " v=1; a=rsa-sha256; c=relaxed/relaxed; d=s3.example;\n"
	    " q=dns/txt; s=rsa; t=1700000000; h=from : to : reply-to\n"
	    " : subject : date : message-id : mime-version : content-type\n"
	    " : content-transfer-encoding : list-unsubscribe : from;\n"
	    " bh=kj/A59hGpiBioD+ugZ9lRYjh2QSF3s9Uxf/behIqDdo=;\n"
	    " b=HxgoKuORJeit9H+UeIFGNNoGHVM1GL8b4cJt3gaoRK3AjJ74uyyFhNTf4chg\n"
	    " fIEHBVHYwkxZ3mjM7YcTTiwv0+5N7dMTbHVE/l1fZht/4czga4m4g9Pihk6r\n"
	    " BuRw3A6Twd+OBPAttwsj65E66jHei0gR/Ie9IoSbty1muJvuBiiau9r7GiRu\n"
	    " 0lmKwejvCl1k5TjzvAkFqL9Y7G9/PltHyUxK7Nvn6qTZNmTDTLiEqcNVamUL\n"
	    " 5j/BoW+gl81gw1Q5Cn6kaSNWMUwXt3FpmtGF03qKNGA/nxzV8wLgYaOfcSnP\n"
	    " k8u/dt9A3WFWIPskvshIDOsZazV1KZkjbDkQrSX3sw==") };

static void
must(bool fine, const char *what)
{
	if (fine)
		return;
	(void)fprintf(stderr, "bench_dkim: %s\n", what);
	abort();
}

static void
drop(void *arg, const char *p, size_t n)
{
	(void)arg;
	(void)p;
	(void)n;
}

static void
add_to_hash(void *arg, const char *p, size_t n)
{
	gp_sha256_add(arg, p, n);
}

static struct gp_str
body_of(const struct world *w, const char *kind)
{
	return gp_buf_str(strcmp(kind, "html") == 0 ? &w->html : &w->base64);
}

static void
canon(struct gp_str body, enum gp_dkim_canon how, gp_dkim_emit_fn emit,
    void *arg)
{
	struct gp_dkim_body b;

	gp_dkim_body_init(&b, how, GP_DKIM_NO_LIMIT, emit, arg);
	gp_dkim_body_add(&b, body);
	gp_dkim_body_end(&b);
}

static void
body_simple(void *world, const char *kind)
{
	canon(body_of(world, kind), GP_DKIM_SIMPLE, drop, NULL);
}

static void
body_relaxed(void *world, const char *kind)
{
	canon(body_of(world, kind), GP_DKIM_RELAXED, drop, NULL);
}

static void
body_hashed(void *world, const char *kind)
{
	struct gp_sha256 *h = gp_sha256_new();
	uint8_t hash[GP_SHA256_BYTES];

	canon(body_of(world, kind), GP_DKIM_RELAXED, add_to_hash, h);
	gp_sha256_end(h, hash);
	gp_sha256_free(h);
}

static void
hash_alone(void *world, const char *kind)
{
	uint8_t hash[GP_SHA256_BYTES];

	gp_sha256(body_of(world, kind), hash);
}

static void
fragile_body(void *world, const char *kind)
{
	struct gp_fragile_scan s = { .found = 0 };

	gp_fragile_body(&s, body_of(world, kind));
	gp_fragile_end(&s);
	must(s.found == 0, kind);
}

static void
fragile_fields(void *world, const char *unused)
{
	struct gp_fragile_scan s = { .found = 0 };

	(void)world;
	(void)unused;
	for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
		gp_fragile_field(&s, &fields[i]);
	must(s.found == 0, "a field");
}

static void
signature_parse(void *world, const char *unused)
{
	struct world *w = world;
	struct gp_dkim_sig sig;
	struct gp_err err;

	(void)unused;
	must(gp_dkim_sig_parse(signature.value, w->arena, &sig, &err) == GP_OK,
	    err.msg);
}

static void
header_input(void *world, const char *unused)
{
	static const struct gp_str names[] = { GP_STR("from"), GP_STR("to"),
		GP_STR("reply-to"), GP_STR("subject"), GP_STR("date"),
		GP_STR("message-id"), GP_STR("mime-version"),
		GP_STR("content-type"), GP_STR("content-transfer-encoding"),
		GP_STR("list-unsubscribe"), GP_STR("from"), GP_STR("cc") };
	struct world *w = world;

	(void)unused;
	gp_buf_reset(&w->out);
	gp_dkim_header_input(GP_DKIM_RELAXED, &w->header, names,
	    sizeof names / sizeof names[0], &signature, &w->out);
}

static struct pair *
pair_of(struct world *w, const char *name)
{
	return strcmp(name, "rsa") == 0 ? &w->rsa : &w->ed25519;
}

static void
sign(void *world, const char *name)
{
	struct world *w = world;
	struct pair *p = pair_of(w, name);

	must(gp_private_key_sign(p->private, w->hash, p->signature, &p->n) ==
		 GP_OK,
	    name);
}

static void
verify(void *world, const char *name)
{
	struct world *w = world;
	const struct pair *p = pair_of(w, name);

	must(gp_public_key_verify(p->public, w->hash, p->signature, p->n),
	    name);
}

static const struct ml_step steps[] = {
	{ "body, simple, base64", body_simple, "base64", 0 },
	{ "body, relaxed, base64", body_relaxed, "base64", BODY_BYTES },
	{ "body, relaxed, indented HTML", body_relaxed, "html", BODY_BYTES },
	{ "body, relaxed and hashed, base64", body_hashed, "base64",
	    BODY_BYTES },
	{ "body, relaxed and hashed, indented HTML", body_hashed, "html",
	    BODY_BYTES },
	{ "SHA-256 alone", hash_alone, "base64", BODY_BYTES },
	{ "body, is it fragile? base64", fragile_body, "base64", BODY_BYTES },
	{ "body, is it fragile? HTML", fragile_body, "html", BODY_BYTES },
	{ "13 fields, are they fragile?", fragile_fields, "", 0 },
	{ "12 names of 13 fields, relaxed", header_input, "", 0 },
	{ "DKIM-Signature, read", signature_parse, "", 0 },
};

/* Of a hash; what is verified is what main() has signed. */
static const struct ml_step crypto_steps[] = {
	{ "sign, rsa2048", sign, "rsa", 0 },
	{ "verify, rsa2048", verify, "rsa", 0 },
	{ "sign, ed25519", sign, "ed", 0 },
	{ "verify, ed25519", verify, "ed", 0 },
};

static void
make_bodies(struct world *w)
{
	gp_buf_init(&w->base64, BODY_BYTES);
	gp_buf_init(&w->html, BODY_BYTES);
	while (w->base64.n + 78 <= BODY_BYTES)
		gp_buf_adds(&w->base64,
		    "VGhlIG9yZGVyIG9mIHlvdXIgaW52b2ljZSBoYXMgYmVlbiBzaGlwcGVk"
		    "IGFuZCB3aWxsIGFycml2\r\n");
	for (int depth = 0; w->html.n + 100 <= BODY_BYTES; depth++)
		gp_buf_addf(&w->html,
		    "%*s<td style=\"padding: 4px\" width=\"300\">please "
		    "confirm "
		    "at our office</td>\r\n",
		    depth % 24, "");
}

static void
open_pair(struct pair *p, const char *folder, const char *name)
{
	struct gp_err err;
	char path[4096];

	(void)snprintf(path, sizeof path, "%s/%s.pem", folder, name);
	must(gp_key_file_load(path, &p->private, &err) == GP_OK &&
		 gp_public_key_new(gp_private_key_public(p->private),
		     &p->public, &err) == GP_OK,
	    err.msg);
}

static void
world_open(struct world *w)
{
	w->arena = gp_arena_new();
	gp_buf_init(&w->out, BODY_BYTES);
	make_bodies(w);
	w->header.v =
	    gp_xcalloc(sizeof fields / sizeof fields[0], sizeof fields[0]);
	memcpy(w->header.v, fields, sizeof fields);
	w->header.n = sizeof fields / sizeof fields[0];
	memset(w->hash, 'h', sizeof w->hash);
}

static void
world_close(struct world *w)
{
	gp_private_key_unref(w->rsa.private);
	gp_public_key_unref(w->rsa.public);
	gp_private_key_unref(w->ed25519.private);
	gp_public_key_unref(w->ed25519.public);
	free(w->header.v);
	gp_buf_clear(&w->base64);
	gp_buf_clear(&w->html);
	gp_buf_clear(&w->out);
	gp_arena_free(w->arena);
}

static void
measure(struct world *w, const struct ml_step *step, size_t n, const char *word)
{
	for (size_t i = 0; i < n; i++)
		if (strstr(step[i].name, word) != NULL)
			ml_step_measure(&step[i], w, w->arena);
}

int
main(int argc, char **argv)
{
	const char *word = argc > 1 ? argv[1] : "";
	static struct world world;

	world_open(&world);
	measure(&world, steps, sizeof steps / sizeof steps[0], word);
	if (argc > 2) {
		open_pair(&world.rsa, argv[2], "rsa");
		open_pair(&world.ed25519, argv[2], "ed");
		sign(&world, "rsa");
		sign(&world, "ed");
		measure(&world, crypto_steps,
		    sizeof crypto_steps / sizeof crypto_steps[0], word);
	}
	world_close(&world);
	return EX_OK;
}

/*
 * dkim_pem - private keys of fixed content for the tests, and what DNS says of
 * them.
 */
#ifndef GP_TESTS_DKIM_PEM_H
#define GP_TESTS_DKIM_PEM_H

#include "io/crypto.h"

enum dkim_pem {
	DKIM_PEM_RSA_A,    /* 2048 bits, PKCS#8 */
	DKIM_PEM_RSA_B,    /* 2048 bits, PKCS#1 */
	DKIM_PEM_RSA_WEAK, /* 1024 bits */
	DKIM_PEM_ED25519,
};

/* The PEM text. */
const char *dkim_pem(enum dkim_pem which);

/* A file of mode 0600 in the directory. */
void dkim_pem_write(const char *dir, const char *name, enum dkim_pem which);

/* The decoded key; unref it. */
struct gp_private_key *dkim_pem_key(enum dkim_pem which);

/* Its key record, "v=DKIM1; ..."; free it. */
char *dkim_pem_record(enum dkim_pem which);

#endif

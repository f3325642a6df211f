/*
 * key_samples - files that hold a private key, or look as if they did.
 */
#ifndef GP_TESTS_KEY_SAMPLES_H
#define GP_TESTS_KEY_SAMPLES_H

#include <stddef.h>

#define KEY_SAMPLES 58

struct key_sample {
	const char *label; /* NULL after the last */
	const char *text;
	const char *says; /* words of the refusal; NULL: it is a key */
};

extern const struct key_sample key_samples[KEY_SAMPLES + 1];

#endif

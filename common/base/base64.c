/* See base64.h. */
#include "base/base64.h"

static const char standard[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
			       "abcdefghijklmnopqrstuvwxyz0123456789+/";
static const char url_safe[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
			       "abcdefghijklmnopqrstuvwxyz0123456789-_";

static void
encode(const uint8_t *in, size_t n, const char *alphabet, bool pad,
    struct gp_buf *out)
{
	for (size_t i = 0; i < n; i += 3) {
		size_t have = n - i < 3 ? n - i : 3;
		uint32_t bits = (uint32_t)in[i] << 16;
		char group[4] = { '=', '=', '=', '=' };

		if (have > 1)
			bits |= (uint32_t)in[i + 1] << 8;
		if (have > 2)
			bits |= in[i + 2];
		for (unsigned c = 0; c <= have; c++)
			group[c] = alphabet[bits >> (18 - 6 * c) & 63];
		gp_buf_add(out, group, pad ? sizeof(group) : have + 1);
	}
}

void
gp_base64_encode(const uint8_t *in, size_t n, struct gp_buf *out)
{
	encode(in, n, standard, true, out);
}

void
gp_base64url_encode(const uint8_t *in, size_t n, struct gp_buf *out)
{
	encode(in, n, url_safe, false, out);
}

/* The value and 1 of each octet from '+' to 'z'; 0: no digit. */
static const uint8_t digits['z' - '+' + 1] = { 63, 0, 0, 0, 64, 53, 54, 55, 56,
	57, 58, 59, 60, 61, 62, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9,
	10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 0,
	0, 0, 0, 0, 0, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40,
	41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52 };

static int
digit_value(char c)
{
	size_t at = (size_t)(unsigned char)c - '+';

	return at < sizeof(digits) ? digits[at] - 1 : -1;
}

/* One group of four characters, `pad` of them padding: the bits, or -1. */
static int32_t
group_bits(const char *p, size_t pad)
{
	int32_t bits = 0;

	for (size_t c = 0; c < 4; c++) {
		int value = c < 4 - pad ? digit_value(p[c]) : 0;

		if (value < 0)
			return -1;
		bits = bits << 6 | value;
	}
	if (pad != 0 && (bits & (pad == 1 ? 0xff : 0xffff)) != 0)
		return -1;
	return bits;
}

enum gp_rc
gp_base64_decode(struct gp_str text, uint8_t *out, size_t max, size_t *n)
{
	size_t pad = 0;
	size_t length = 0;

	*n = 0;
	while (pad < 2 && pad < text.n && text.p[text.n - 1 - pad] == '=')
		pad++;
	if (text.n % 4 != 0 || text.n / 4 * 3 - pad > max)
		return GP_PERM;
	for (size_t i = 0; i < text.n; i += 4) {
		size_t missing = i + 4 == text.n ? pad : 0;
		int32_t bits = group_bits(text.p + i, missing);

		if (bits < 0)
			return GP_PERM;
		for (size_t b = 0; b < 3 - missing; b++)
			out[length++] = (uint8_t)(bits >> (16 - 8 * b) & 0xff);
	}
	*n = length;
	return GP_OK;
}

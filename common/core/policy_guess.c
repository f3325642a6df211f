/* See policy_guess.h. */
#include "core/policy_guess.h"

#include <stdio.h>
#include <string.h>

void
gp_guess_try(struct gp_guess *guess, const char *candidate)
{
	struct gp_str c = gp_str(candidate);
	unsigned distance = gp_edit_distance(guess->word, c);
	size_t most = guess->word.n / 3 > 2 ? guess->word.n / 3 : 2;
	size_t shorter = c.n < guess->word.n ? c.n : guess->word.n;

	if (distance > most || distance >= shorter ||
	    (guess->best != NULL && distance >= guess->distance))
		return;
	guess->best = candidate;
	guess->distance = distance;
}

const char *
gp_guess_text(const struct gp_guess *guess, char out[GP_GUESS_TEXT])
{
	out[0] = '\0';
	if (guess->best != NULL)
		(void)snprintf(out, GP_GUESS_TEXT, "; did you mean \"%.64s\"?",
		    guess->best);
	return out;
}

/* SPDX-License-Identifier: ISC */
/* title.c - see title.h for the contract. */
#include "title.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The end of the strings that follow each other from end on. */
static char *
end_of(char *end, char *const strings[])
{
	for (size_t i = 0; strings[i] != NULL; i++)
		if (strings[i] == end)
			end = strings[i] + strlen(strings[i]) + 1;
	return end;
}

/* A copy of a list of strings and of each of them, in one piece that stays for
 * as long as the process does. NULL: no memory. */
static char **
copy_strings(char *const strings[])
{
	size_t count = 0, octets = 0;
	char **copy, *text;

	for (; strings[count] != NULL; count++)
		octets += strlen(strings[count]) + 1;
	copy = malloc((count + 1) * sizeof(*copy) + octets);
	if (copy == NULL)
		return NULL;
	text = (char *)(copy + count + 1);
	for (size_t i = 0; i < count; i++) {
		copy[i] = text;
		text = stpcpy(text, strings[i]) + 1;
	}
	copy[count] = NULL;
	return copy;
}

void
title_init(struct title *title, char ***argv)
{
	char *start = (*argv)[0], *end, **arguments, **environment;

	*title = (struct title){ 0 };
	if (start == NULL)
		return;
	end = end_of(end_of(start, *argv), environ);
	arguments = copy_strings(*argv);
	environment = arguments == NULL ? NULL : copy_strings(environ);
	if (environment == NULL) {
		free(arguments);
		return;
	}
	*argv = arguments;
	environ = environment;
	title->start = start;
	title->size = (size_t)(end - start);
}

void
title_set(const struct title *title, const char *format, ...)
{
	va_list args;
	int len;

	if (title->size == 0)
		return;
	va_start(args, format);
	len = vsnprintf(title->start, title->size, format, args);
	va_end(args);
	if (len >= 0 && (size_t)len < title->size)
		memset(title->start + len, 0, title->size - (size_t)len);
}

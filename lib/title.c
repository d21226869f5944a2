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

void
title_init(struct title *title, char *argv[])
{
	char *end, **copy;
	size_t count = 0;

	*title = (struct title){ 0 };
	if (argv[0] == NULL)
		return;
	end = end_of(end_of(argv[0], argv), environ);
	while (environ[count] != NULL)
		count++;
	copy = calloc(count + 1, sizeof(*copy));
	if (copy == NULL)
		return;
	for (size_t i = 0; i < count; i++)
		if ((copy[i] = strdup(environ[i])) == NULL) {
			while (i > 0)
				free(copy[--i]);
			free(copy);
			return;
		}
	environ = copy;
	title->start = argv[0];
	title->size = (size_t)(end - argv[0]);
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

/* SPDX-License-Identifier: ISC */
/* service.c - see service.h for the contract. */
#include "service.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "session.h"

const char *
service_load(struct services *services, unsigned listeners,
    struct config_call *call, int argc, char *const argv[], struct log *log)
{
	struct service *list = calloc(1 + (size_t)listeners, sizeof(*list));

	*services = (struct services){ .list = list };
	if (list == NULL)
		return "settings: out of memory";
	services->len = 1;
	if (config_load(&list[0].config, call, argc, argv, NULL) < 0)
		return call->problems;
	for (unsigned i = 0; i < listeners; i++) {
		struct service *last = &list[services->len];
		size_t same = 0;

		systemd_descriptor_name(i, last->name);
		while (strcmp(list[same].name, last->name) != 0)
			same++;
		services->of[i] = same;
		if (same < services->len)
			continue;
		if (config_load(&last->config, call, argc, argv, last->name) <
		    0) {
			log_lines(log, call->problems);
			last->closed = true;
		}
		services->len++;
	}
	return NULL;
}

static bool
has_same_tls(const struct config *a, const struct config *b)
{
	return strcmp(a->certificates, b->certificates) == 0 &&
	    strcmp(a->client_authorities, b->client_authorities) == 0 &&
	    strcmp(a->hostname, b->hostname) == 0;
}

/* The first of those that share a context, or its own index. */
static size_t
first_of_same(const struct services *services, size_t index)
{
	const struct config *config = &services->list[index].config;
	size_t same = 0;

	while (!config_has_tls(&services->list[same].config) ||
	    !has_same_tls(&services->list[same].config, config))
		same++;
	return same;
}

void
service_open_tls(struct services *services, struct log *log)
{
	char text[TLS_TEXT_MAX + 1];

	for (size_t i = 0; i < services->len; i++) {
		struct service *service = &services->list[i];
		struct tls_settings settings = session_tls(&service->config);
		size_t first;

		if (service->closed || !config_has_tls(&service->config))
			continue;
		first = first_of_same(services, i);
		if (first < i) {
			service->tls = services->list[first].tls;
			continue;
		}
		if (service->tls != NULL)
			tls_refresh(service->tls, text);
		else
			service->tls = tls_open(&settings, true, text);
		if (text[0] != '\0')
			log_lines(log, text);
	}
}

bool
service_has_tls(const struct services *services)
{
	for (size_t i = 0; i < services->len; i++)
		if (!services->list[i].closed &&
		    services->list[i].tls == NULL &&
		    config_has_tls(&services->list[i].config))
			return false;
	return true;
}

void
service_rotate(void *to)
{
	const struct services *services = to;
	struct timespec now;

	/* Cannot fail: the clock exists and the pointer is good. */
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	for (size_t i = 0; i < services->len; i++)
		if (services->list[i].tls != NULL)
			tls_rotate(services->list[i].tls, now.tv_sec);
}

void
service_free(struct services *services)
{
	for (size_t i = services->len; i-- > 0;) {
		struct service *service = &services->list[i];

		if (service->tls != NULL && first_of_same(services, i) == i)
			tls_close(service->tls);
	}
	free(services->list);
	*services = (struct services){ 0 };
}

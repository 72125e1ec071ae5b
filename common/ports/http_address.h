/*
 * http_address.h: which addresses a request of ours may be sent to. Pure.
 *
 * An endpoint's name is looked up anew for every connection, so the rule is held against the address that is about to
 * be connected to and not against the name: what a name server says today, a redirect or a spelling such as 0x7f.1
 * cannot pass by it.
 */
#ifndef BELLMAN_HTTP_ADDRESS_H
#define BELLMAN_HTTP_ADDRESS_H

#include <sys/socket.h>

#include "ground/base.h"

/* True for an address that is reachable on the public Internet: IPv4 and IPv6 unicast less the blocks that IANA's
 * special-purpose registries (RFC 6890) list as not globally reachable. An IPv6 address that carries an IPv4 one
 * (IPv4-mapped, NAT64, 6to4) is as public as that one. size_bytes is that of *address. */
bool http_address_is_public(const struct sockaddr *address, size_t size_bytes);
/* The same for an address as text; false when it is no numeric address. */
bool http_address_is_private_text(const char *text);

#endif

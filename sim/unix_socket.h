/* Unix sockets that a server listens on. */
#ifndef SIM_UNIX_SOCKET_H
#define SIM_UNIX_SOCKET_H

#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

#define SIM_UNIX_PATH sizeof(((struct sockaddr_un *)0)->sun_path) /* with its terminator */

/* A socket of TYPE, listening at PATH, that neither blocks nor survives exec. One left over by a dead process
 * is replaced. -1: one sentence in WHY. The caller closes it and unlinks PATH. */
int sim_unix_listen(const char *path, int type, char *why, size_t why_size);

#endif

/* A link by its configured name. */
#include "isotp/link.h"

#include <stdio.h>
#include <string.h>

struct isotp_link *isotp_link_open(const char *name, bool fd, char *why, size_t why_size)
{
    if (strncmp(name, "bus:", 4) == 0) return isotp_link_open_virtual(name + 4, fd, why, why_size);
    if (strncmp(name, "can:", 4) == 0) return isotp_link_open_socketcan(name + 4, fd, why, why_size);
    if (strncmp(name, "slcan:", 6) == 0) return isotp_link_open_slcan(name + 6, fd, why, why_size);
    if (strncmp(name, "socketcand:", 11) == 0)
        return isotp_link_open_socketcand(name + 11, fd, why, why_size);
    if (name[0] != '\0' && strpbrk(name, ":/") == NULL)
        return isotp_link_open_socketcan(name, fd, why, why_size);

    snprintf(why, why_size,
             "\"%s\": not a CAN link; give an interface such as can0, bus:/path/to/socket, "
             "slcan:/dev/ttyACM0, or socketcand:HOST:PORT/BUS",
             name);
    return NULL;
}

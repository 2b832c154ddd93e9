#include "sim/unix_socket.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WAITING 64 /* clients that have connected and were not accepted yet */

static bool is_left_over(int s, const struct sockaddr_un *address)
{
    struct stat st;
    if (lstat(address->sun_path, &st) < 0 || !S_ISSOCK(st.st_mode)) return false;
    return connect(s, (const struct sockaddr *)address, sizeof *address) < 0 && errno == ECONNREFUSED;
}

static bool bind_to(int s, const char *path, char *why, size_t why_size)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(path);

    if (length == 0 || length >= sizeof address.sun_path) {
        snprintf(why, why_size, "%s: the path of the bus must have 1 to %zu characters", path,
                 sizeof address.sun_path - 1);
        return false;
    }
    memcpy(address.sun_path, path, length);
    int bound = bind(s, (struct sockaddr *)&address, sizeof address);
    if (bound < 0 && errno == EADDRINUSE) {
        if (!is_left_over(s, &address)) {
            snprintf(why, why_size, "%s: in use; stop the bus that runs there, or choose another path", path);
            return false;
        }
        (void)unlink(path);
        bound = bind(s, (struct sockaddr *)&address, sizeof address);
    }
    if (bound < 0 || listen(s, WAITING) < 0) {
        snprintf(why, why_size, "%s: no bus here: %s; choose a path in a folder that can be written", path,
                 strerror(errno));
        return false;
    }
    return true;
}

int sim_unix_listen(const char *path, int type, char *why, size_t why_size)
{
    int s = socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (s < 0) {
        snprintf(why, why_size, "%s: no bus: %s", path, strerror(errno));
        return -1;
    }
    if (bind_to(s, path, why, why_size)) return s;
    close(s);
    return -1;
}

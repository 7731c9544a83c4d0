/* SPDX-License-Identifier: MIT */
/* state_dir.c - see state_dir.h. The store creates the folder when it opens its file. */
#include "os/state_dir.h"

#include "base/buf.h"
#include "base/mem.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* Returns the path of a file below `folder`, or NULL if that is not an absolute path. systemd
 * separates several folders by colons; `len` ends the first. */
static char *path_in(const char *folder, size_t len, const char *below, const char *name)
{
    struct buf path = BUF_INIT(PATH_MAX);
    size_t path_len;

    if (len == 0 || *folder != '/')
        return NULL;
    buf_addf(&path, "%.*s%s/%s", (int)len, folder, below, name);
    return buf_take(&path, &path_len);
}

char *state_dir_file(const char *name)
{
    const char *systemd = getenv("STATE_DIRECTORY");
    const char *xdg = getenv("XDG_STATE_HOME");
    const char *home = getenv("HOME");
    char *path = NULL;

    if (systemd)
        path = path_in(systemd, strcspn(systemd, ":"), "", name);
    if (!path && xdg)
        path = path_in(xdg, strlen(xdg), "/emailsd", name);
    if (!path && home)
        path = path_in(home, strlen(home), "/.local/state/emailsd", name);
    return path;
}

char *state_dir_store_url(void)
{
    struct buf url = BUF_INIT(PATH_MAX);
    autofree char *path = state_dir_file("emailsd.db");
    size_t url_len;

    if (!path)
        return NULL;
    buf_addf(&url, "sqlite:%s", path);
    return buf_take(&url, &url_len);
}
